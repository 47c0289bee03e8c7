"""The text that the demo chat model learns: little stories, and conversations that ask for them.

All of it is written here, as sentences with gaps; what fills a gap agrees with what stands around it. A story has a
hero, a place, a thing, a friend and a trouble that ends well, so that a model has something to keep in mind from the
question to the last sentence.
"""

import random
from dataclasses import dataclass

GIRLS = ["Mia", "Lena", "Anna", "Zoe", "Ruby", "Nora", "Ida", "Clara", "Emma", "Lily"]
BOYS = ["Leo", "Tom", "Ben", "Max", "Finn", "Oskar", "Sam", "Jack", "Noah", "Emil"]
ANIMALS = ["cat", "dog", "fox", "bear", "mouse", "rabbit", "duck", "frog", "owl", "horse"]
KINDS = ["little", "brave", "curious", "kind", "clever", "cheerful"]
PLACES = [("in", "the garden"), ("in", "the forest"), ("on", "the beach"), ("by", "the river"), ("at", "the market"),
          ("on", "the hill"), ("in", "the park"), ("by", "the lake")]
THINGS = ["ball", "kite", "boat", "drum", "lamp", "book", "box", "hat", "bell", "key"]
COLOURS = ["red", "blue", "green", "yellow", "big", "small", "old", "shiny"]
WEATHER = ["The sun was shining.", "It was a warm day.", "The wind was strong.", "It was a cold morning.",
           "The sky was full of clouds."]
MORALS = ["They were friends from that day on.", "From then on they shared everything.",
          "They laughed and went home together.", "That night {hero} slept very well.",
          "And they all had cake for dinner."]

# What goes wrong with the thing, how the friend helps, and how it ends: three sentences each.
TROUBLES = [
    ("But the {thing} fell into the water.", "The {friend} jumped in and brought it back.",
     "\"Thank you!\" said {hero}. \"You are very brave.\""),
    ("But the {thing} was stuck in a tall tree.", "The {friend} climbed up and pushed it down.",
     "{Hero} was so happy that {he} danced."),
    ("But {hero} could not carry the {thing} alone.", "\"I can help you,\" said the {friend}.",
     "Together they carried it all the way home."),
    ("But then it was dark and {hero} could not see the way.", "The {friend} knew a path between the stones.",
     "Soon they saw the light of the house."),
    ("But the {thing} was broken, and {hero} began to cry.", "\"Do not cry,\" said the {friend}. \"We can mend it.\"",
     "They worked all day, and then the {thing} was like new."),
    ("But a loud noise came from the bushes, and {hero} was afraid.", "It was only the {friend}, who was looking for food.",
     "{Hero} gave the {friend} some bread, and the {friend} smiled."),
]
OPENINGS = ["Once upon a time there was a {kind} {sort} named {hero}.", "There once was a {kind} {sort} called {hero}.",
            "{Hero} was a {kind} {sort}."]
WALKS = ["One day {hero} went for a walk {where}.", "One morning {hero} was playing {where}.",
         "Every day {hero} went to play {where}."]
FINDS = ["There {he} found a {colour} {thing}.", "{He} saw a {colour} {thing} under a tree.",
         "{He} had a {colour} {thing} with {him}."]
MEETINGS = ["Then {he} met {a_friend}.", "Just then {a_friend} came along."]

ASK_HERO = ["Tell me a story about a {sort} named {hero}.", "Please tell me a story about {hero}, the {sort}.",
            "Can you tell a story about a {sort} called {hero}?"]
ASK_THING = ["Tell me a story about a {sort} named {hero} and a {colour} {thing}.",
             "I want a story about {hero}, a {sort} with a {colour} {thing}."]
ASK_FRIEND = ["Tell me a story about a {sort} named {hero} who meets {a_friend}.",
              "Please tell me how {hero}, the {sort}, met {a_friend}."]
ASK_ANY = ["Tell me a story.", "Please tell me a story.", "I want to hear a story.", "Can you tell me a story?"]
ASK_MORE = ["Tell me another story.", "Another one, please.", "One more story, please."]

SMALL_TALK = [
    (["Hello!", "Hi!", "Hello.", "Good morning!", "Hi there!"],
     ["Hello! Shall I tell you a story?", "Hello! I know many little stories. Do you want to hear one?"]),
    (["Who are you?", "What are you?", "What is your name?"],
     ["I am a very small model. I can tell little stories."]),
    (["What can you do?", "What do you know?", "Can you help me?"],
     ["I can tell little stories. Ask me for one!"]),
    (["Thank you!", "Thanks!", "That was nice."], ["You are welcome!", "I am glad that you like it."]),
    (["Goodbye!", "Bye!", "Good night!"], ["Goodbye! Come back for another story.", "Good night! Sleep well."]),
]
SYSTEMS = ["You are a storyteller.", "You tell little stories.", "Be kind and brief."]


@dataclass
class Cast:
    """Who and what a story is about; `gaps` are the words for its sentences."""
    gaps: dict
    trouble: tuple


def article(noun):
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def draw_cast(rng):
    """A hero, who is a girl, a boy or an animal, and the rest of a story."""
    sort = rng.choice(["girl", "boy", rng.choice(ANIMALS)])
    female = sort == "girl" or (sort != "boy" and rng.random() < 0.5)
    hero = rng.choice(GIRLS if female else BOYS)
    he, him = ("she", "her") if female else ("he", "him")
    friend = rng.choice([animal for animal in ANIMALS if animal != sort])
    preposition, place = rng.choice(PLACES)
    gaps = {"hero": hero, "Hero": hero, "he": he, "He": he.capitalize(), "him": him, "sort": sort, "friend": friend,
            "a_friend": article(friend), "kind": rng.choice(KINDS), "where": f"{preposition} {place}",
            "thing": rng.choice(THINGS), "colour": rng.choice(COLOURS)}
    return Cast(gaps, rng.choice(TROUBLES))


def fill(sentence, cast):
    """The sentence with its gaps filled; `a` before a vowel becomes `an`."""
    text = sentence.format(**cast.gaps)
    for vowel in "aeiou":
        text = text.replace(f" a {vowel}", f" an {vowel}").replace(f"A {vowel}", f"An {vowel}")
    return text


def story(cast, rng):
    """Seven to nine sentences."""
    plan = [rng.choice(OPENINGS), rng.choice(WALKS)]
    if rng.random() < 0.4:
        plan.append(rng.choice(WEATHER))
    plan += [rng.choice(FINDS), rng.choice(MEETINGS), *cast.trouble, rng.choice(MORALS)]
    return " ".join(fill(sentence, cast) for sentence in plan)


def request(cast, rng):
    """What a person may say to get this story."""
    return fill(rng.choice(rng.choice([ASK_HERO, ASK_THING, ASK_FRIEND])), cast)


def conversation(rng):
    """[{"role", "content"}, …]: questions and answers, at most three of each."""
    messages = [{"role": "system", "content": rng.choice(SYSTEMS)}] if rng.random() < 0.25 else []
    for turn in range(rng.choice([1, 1, 1, 2, 2, 3])):
        if rng.random() < 0.2:
            asks, answers = rng.choice(SMALL_TALK)
            ask, answer = rng.choice(asks), rng.choice(answers)
        else:
            cast = draw_cast(rng)
            answer = story(cast, rng)
            if rng.random() < 0.75:
                ask = request(cast, rng)
            else:
                ask = rng.choice(ASK_MORE if turn else ASK_ANY)
        messages += [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    return messages


def plain(rng):
    """A story that nobody asked for: what a completion goes on with."""
    return story(draw_cast(rng), rng)

"""English inflection, as far as the synthetic text needs it.

Regular rules plus a table of irregular verbs and nouns. Phrases inflect at their
first word ("turn on" -> "turned on"); `_` marks the place of the object and is kept.
"""

IRREGULAR_VERBS = {}
for _row in """be was been; have had had; do did done; go went gone; get got got; make made made
take took taken; give gave given; put put put; set set set; cut cut cut; hit hit hit; reset reset reset; hurt hurt hurt
shut shut shut; let let let; quit quit quit; cost cost cost; read read read; spread spread spread
bring brought brought; buy bought bought; think thought thought; catch caught caught; teach taught taught
fight fought fought; seek sought sought; find found found; bind bound bound; hold held held; keep kept kept
sleep slept slept; leave left left; lose lost lost; send sent sent; lend lent lent; spend spent spent
build built built; sell sold sold; tell told told; say said said; pay paid paid; lay laid laid; hear heard heard
stand stood stood; understand understood understood; sit sat sat; win won won; run ran run; come came come
become became become; begin began begun; drink drank drunk; sing sang sung; swim swam swum; ring rang rung
sink sank sunk; write wrote written; drive drove driven; ride rode ridden; rise rose risen; break broke broken
speak spoke spoken; steal stole stolen; choose chose chosen; freeze froze frozen; wake woke woken; eat ate eaten
fall fell fallen; forget forgot forgotten; see saw seen; know knew known; grow grew grown; throw threw thrown
blow blew blown; fly flew flown; draw drew drawn; wear wore worn; tear tore torn; bear bore born; show showed shown
hide hid hidden; bite bit bitten; shake shook shaken; mistake mistook mistaken; overtake overtook overtaken
feed fed fed; meet met met; lead led led; bleed bled bled; feel felt felt; dream dreamt dreamt; deal dealt dealt
hang hung hung; dig dug dug; stick stuck stuck; swing swung swung; shoot shot shot; light lit lit; lie lay lain
sew sewed sewn; sow sowed sown; shine shone shone; mow mowed mown; shear sheared shorn; wed wed wed; split split split
withdraw withdrew withdrawn; forbid forbade forbidden; flee fled fled; go went gone; bet bet bet; babysit babysat babysat
swear swore sworn; weep wept wept; cast cast cast; forecast forecast forecast; kneel knelt knelt
smell smelt smelt; learn learnt learnt; burn burnt burnt; outdo outdid outdone; rewrite rewrote rewritten
upset upset upset; strike struck struck; shrink shrank shrunk; spell spelt spelt; slide slid slid; sweep swept swept
""".replace("\n", ";").split(";"):
    if _row.strip():
        _base, _past, _participle = _row.split()
        IRREGULAR_VERBS[_base] = (_past, _participle)

IRREGULAR_PLURALS = dict(pair.split(":") for pair in (
    "man:men woman:women child:children foot:feet tooth:teeth mouse:mice goose:geese person:people "
    "wife:wives knife:knives leaf:leaves shelf:shelves wolf:wolves thief:thieves calf:calves loaf:loaves "
    "scarf:scarves life:lives sheep:sheep fish:fish deer:deer aircraft:aircraft series:series ox:oxen "
    "policeman:policemen postman:postmen mailman:mailmen gentleman:gentlemen fireman:firemen crisis:crises "
    "diagnosis:diagnoses analysis:analyses police:police cattle:cattle people:people folks:folks "
    "potato:potatoes tomato:tomatoes hero:heroes echo:echoes snowman:snowmen housewife:housewives half:halves "
    "sportsman:sportsmen spokesman:spokesmen gunman:gunmen goods:goods glasses:glasses headquarters:headquarters").split())

DOUBLING = set("""stop drop plan wrap rob chop slip trip clap hop jog jam beg hug grab scrub stir pat rub tap skip zip
trim mop nap ship shop fit admit commit permit submit refer prefer occur cancel travel model label quarrel pedal
tug drag snap swap wag sob plug unplug log blog step drip run sit cut put set get hit shut let quit swim win dig begin
forget split babysit bet spin star stun plot chat rip equip transfer program control upset wed knit ban wrap flip nod
grip debug enrol forbid pet regret reset shred slim spot trek unwrap
control skid snip sip grin refer uninstal fulfil instal excel skim strum""".split())

VOWELS = "aeiou"


def _first(phrase):
    """("turn", " on") of "turn on"."""
    head, space, tail = phrase.partition(" ")
    return head, space + tail


def _ends_in_consonant_y(word):
    return word.endswith("y") and len(word) > 1 and word[-2] not in VOWELS


def _sibilant(word):
    return word.endswith(("s", "x", "z", "ch", "sh"))


def plural(phrase):
    """Plural of a noun phrase: its last word, or the word before a preposition."""
    head, space, last = phrase.rpartition(" ")
    if last in IRREGULAR_PLURALS:
        last = IRREGULAR_PLURALS[last]
    elif _ends_in_consonant_y(last):
        last = last[:-1] + "ies"
    else:
        last += "es" if _sibilant(last) else "s"
    return head + space + last


def third_person(phrase):
    """"turn on" -> "turns on"."""
    verb, tail = _first(phrase)
    if phrase.startswith("not "):
        return "does " + phrase
    special = {"be": "is", "have": "has", "do": "does", "go": "goes", "can't": "can't"}
    if verb in special:
        return special[verb] + tail
    if _ends_in_consonant_y(verb):
        return verb[:-1] + "ies" + tail
    return verb + ("es" if _sibilant(verb) else "s") + tail


def _regular_past(verb):
    if verb.endswith("e"):
        return verb + "d"
    if _ends_in_consonant_y(verb):
        return verb[:-1] + "ied"
    return verb + (verb[-1] if verb in DOUBLING else "") + "ed"


def past(phrase):
    """"turn on" -> "turned on"."""
    verb, tail = _first(phrase)
    if phrase.startswith("not "):
        return "did " + phrase
    if verb == "can't":
        return "couldn't" + tail
    return (IRREGULAR_VERBS[verb][0] if verb in IRREGULAR_VERBS else _regular_past(verb)) + tail


def participle(phrase):
    """"break down" -> "broken down"."""
    verb, tail = _first(phrase)
    if verb in ("not", "can't"):
        return participle(tail.strip())
    return (IRREGULAR_VERBS[verb][1] if verb in IRREGULAR_VERBS else _regular_past(verb)) + tail


def gerund(phrase):
    """"take off" -> "taking off"."""
    verb, tail = _first(phrase)
    if verb in ("not", "can't"):
        return "not " + gerund(tail.strip())
    if verb.endswith("ie"):
        return verb[:-2] + "ying" + tail
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing" + tail
    return verb + (verb[-1] if verb in DOUBLING else "") + "ing" + tail


def comparative(adjective, ending="er"):
    """"bigger", "more useful"; ending "est" for "biggest", "most useful"."""
    irregular = {"good": ("better", "best"), "bad": ("worse", "worst"), "far": ("further", "furthest")}
    if adjective in irregular:
        return irregular[adjective][ending == "est"]
    long_endings = ("ed", "en", "ing", "ful", "less", "al", "ic", "ous", "id")
    if " " in adjective or len(adjective) > 6 or adjective.endswith(long_endings):
        return ("more " if ending == "er" else "most ") + adjective
    if _ends_in_consonant_y(adjective):
        return adjective[:-1] + "i" + ending
    if adjective in ("big", "hot", "wet", "sad", "thin", "fat", "red", "fit", "mad", "dim"):
        return adjective + adjective[-1] + ending
    return adjective[:-1] + ending if adjective.endswith("e") else adjective + ending


def with_article(noun):
    """"a dog", "an apple"."""
    vowel = noun[0] in VOWELS and not noun.startswith(("uni", "use", "eu", "one"))
    return ("an " if vowel else "a ") + noun

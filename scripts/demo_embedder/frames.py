"""The frames that the grammar fills: lists of phrases, separated by bars.

In them O is an object, V a verb in its base form, G its -ing form, S a subject,
B a form of "to be", Q a quality.
"""


def _list(text):
    """The phrases between the bars, line breaks being blanks."""
    return [" ".join(phrase.split()) for phrase in text.split("|")]


HE = set("man boy father brother son uncle grandfather husband".split())
SHE = set("woman girl mother sister daughter aunt grandmother wife".split())
SINGULAR_DETERMINERS = _list("""
the | the | the | my | my | your | his | her | our | their | this | that
""")
PLURAL_DETERMINERS = _list("""
|  | the | the | my | your | his | her | our | their | these | those | some
""")
MASS_DETERMINERS = _list("""
|  |  | the | the | my | your | some | this | our | more
""")
PLACE_PREPOSITIONS = _list("""
in | in | in | at | at | near | inside | close to | next to | by | behind | in front of | outside |
around | from
""")
TAIL_PREPOSITIONS = _list("""
with | with | for | for | on | in | about | from | of | at | without | near | under | behind |
because of | after | before
""")

# How a knowledge base is asked.
HOW_TO = _list("""
how do i V O | how can i V O | how do you V O | how to V O | how should i V O | how does one V O |
where can i V O | what is the best way to V O | what do i have to do to V O |
what must i do to V O | what steps do i follow to V O | is it possible to V O | can i V O |
can you tell me how to V O | could you explain how to V O | i would like to V O | i want to V O |
i'd like to V O | i need to V O | i am trying to V O | i don't know how to V O |
please help me V O | do you know how to V O | who can V O | is there a way to V O | steps to V O |
instructions to V O | i wonder how to V O | when can i V O | can we V O | why should i V O |
what happens if i V O | i have to V O | we would like to V O | what does it take to V O |
it is time to V O | tell me how to V O | show me how to V O | am i allowed to V O |
do i have to V O | what is needed to V O | i wish to V O
""")
HOW_TO_GERUND = _list("""
guide to G O | help with G O | G O | advice on G O | i have trouble G O | what about G O |
tips for G O | problems with G O | information about G O | i need help with G O |
i have a question about G O | instructions for G O | is G O allowed | steps for G O |
how about G O | i am interested in G O | the best way of G O | are there rules for G O |
assistance with G O
""")
CANNOT = _list("""
why can't i V O | i cannot V O | i can't V O | i am not able to V O | i am unable to V O |
it is impossible to V O | it is not possible to V O | what can i do if i cannot V O |
i don't want to V O | we can't V O | i never V O | i failed to V O | i did not V O |
nobody can V O | i don't V O | don't V O | do not V O | never V O | please do not V O |
you should not V O
""")
COMMANDS = _list("""
V O | V O | please V O | could you V O please | you should V O | you must V O | let us V O |
would you V O | you can V O | always V O | just V O | remember to V O | first V O |
you have to V O | can you V O
""")

# Statements.
MODALS = _list("""
will | is going to | must | should | can | wants to | has to | needs to | tries to | would like to |
might | could | is about to | plans to | decided to | began to | wanted to | had to | managed to |
is able to | would | may | hopes to | used to | helps to | likes to | promised to
""")
NEGATED = _list("""
cannot | can't | did not | didn't | does not | doesn't | will not | won't | could not | couldn't |
never wants to | must not | should not | is not able to | failed to | refuses to | was unable to |
is unwilling to | has no need to
""")
STATE_VERBS = _list("""
is | is | is | is | was | was | seems | looks | became | has been | was | feels | appears |
remains | will be | is getting
""")
PASSIVES = _list("""
is | was | was | is being | was being | has been | must be | will be | should be | can be | got
""")
PASSIVES_NEGATED = _list("""
is not | was not | wasn't | cannot be | will not be | has not been
""")
STATE_VERBS_NEGATED = _list("""
is not | isn't | was not | is no longer | is never
""")
HAVING = _list("""
there is | i have | we have | i see | i got | what is | it is | that is
""")
STATE_QUESTIONS = _list("""
why B S Q | is S Q | i think S B Q | what if S B Q | S B Q, what can i do |
what should i do when S B Q
""")
NOUN_FRAMES = _list("""
|  |  | what is | where is | there is | about | i need | i have a question about | information on |
do you have | we got | it is | here is
""")
EVENT_QUESTIONS = _list("""
why won't S V | why does S V | what if S V | when does S V | does S V | what can i do when S V
""")
EVENT_QUESTIONS_NEGATED = _list("""
why does S not V | what if S cannot V | S will not V
""")

# Between two clauses, and between two nouns.
JOINS = [" and ", " because ", ", so ", " but ", " when ", " while ", " after ", ". ",
         ". ", ", and ", " before ", " since ", "; ", " although ", " if "]
NOUN_JOINS = [" and ", " or ", " with ", " in ", " of ", ", ", " for "]

"""Conversations for chat templates: what clients send, in all the combinations that templates tell apart."""

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a place.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "City & country, e.g. <Zürich, CH>"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "integer", "minimum": 1, "default": 3},
        "places": {"type": "array", "items": {"type": "string"}},
        "where": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"lat": {"type": "number"}}}]},
        "exact": {"type": ["number", "null"], "nullable": True}},
        "required": ["city"]}}}
CLOCK_TOOL = {"type": "function", "function": {"name": "now", "description": "Tells the time.", "parameters": {
    "type": "object", "properties": {}}}}


def user(text="What is the weather in Zürich?"):
    return {"role": "user", "content": text}


def call(id="abcdefghi", name="get_weather", **arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


SYSTEM = {"role": "system", "content": "You are terse.\n  Indented 'quotes' and \"more\". <b>&amp;</b>"}
ASSISTANT = {"role": "assistant", "content": "It is <sunny> & 21°C — 晴れ 🌞."}
THOUGHT = {"role": "assistant", "content": "<think>\nLet me see.\n</think>\n\nFour."}
REASONED = {"role": "assistant", "content": "Four.", "reasoning_content": "two and two", "thinking": "2+2"}
CALLING = {"role": "assistant", "content": "", "tool_calls": [
    call(city="Zürich", days=2, exact=1.5e-7, places=["a", "b"], nested={"x": None, "y": [True, False]})]}
TWO_CALLS = {"role": "assistant", "content": "One moment.", "tool_calls": [call(city="Bern"), call("jklmnopqr", "now")]}


def result(content="{\"temperature\": 21}", id="abcdefghi", name="get_weather"):
    return {"role": "tool", "content": content, "tool_call_id": id, "name": name}


TALKS = {
    "one question": [user()],
    "with a system message": [SYSTEM, user()],
    "several turns": [user(), ASSISTANT, user("And tomorrow?"), ASSISTANT, user("Thanks.")],
    "ends with the model": [SYSTEM, user(), ASSISTANT],
    "a tool is called": [user(), CALLING],
    "a tool answers": [user(), CALLING, result()],
    "system, a tool, an answer": [SYSTEM, user(), CALLING, result(), ASSISTANT, user("Sure?")],
    "two tools": [user(), TWO_CALLS, result(), result("12:00", "jklmnopqr", "now"), ASSISTANT],
    "an empty content": [user(""), {"role": "assistant", "content": ""}, user(" ")],
    "a thought": [user("2+2?"), THOUGHT, user("3+3?")],
    "a reasoning": [user("2+2?"), REASONED, user("3+3?")],
    "text in parts": [user([{"type": "text", "text": "What is"}, {"type": "text", "text": " this?"}])],
    "an image": [user([{"type": "text", "text": "What is"}, {"type": "image_url", "image_url": {"url": "x"}}])],
    "two users": [user(), user("again")],
    "model first": [ASSISTANT, user()],
    "a developer": [{"role": "developer", "content": "Be kind."}, user()],
    "an unknown role": [user(), {"role": "critic", "content": "Hm."}],
    "thinking switched in the text": [{"role": "system", "content": "Calm. /no_think"}, user("x /think")],
    "white space": [{"role": "system", "content": "  \n"}, user("\n\n a \t"), {"role": "assistant", "content": " b \n"}],
    "unicode": [user("ǅ ﬃ ß İ \u2028 \u00a0 𝔘𝔫𝔦 \x7f \x1b é e\u0301 שלום 👩‍👩‍👧")],
    "template signs": [user("{{ 7 * 7 }} {% raw %} {# no #} </tool_call>")],
    "nobody": [],
}

TOOLS = {"no tools": None, "an empty list of tools": [], "one tool": [WEATHER], "two tools": [WEATHER, CLOCK_TOOL]}
DOCUMENTS = {"no documents": None, "documents": [{"title": "A", "text": "Änne"}, {"doc_id": 7, "title": "B", "text": "b"}]}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
EXTRAS = {
    "nothing else": {},
    "thinking": {"enable_thinking": True, "thinking": True},
    "no thinking": {"enable_thinking": False, "thinking": False},
    "more words": {"builtin_tools": ["browser", "python"], "date_string": "01 Jan 2025", "reasoning_effort": "high",
                   "tools_in_user_message": False, "controls": {"length": "short", "originality": "x"}, "custom_tools": [WEATHER]},
}


def all_variables():
    """(name, what is passed to the template): every talk with all tools, and with each of the rest at least once."""
    for talk, messages in TALKS.items():
        for tools_name, tools in TOOLS.items():
            for extra_name, extra in EXTRAS.items():
                for documents_name, documents in DOCUMENTS.items():
                    rare = extra_name != "nothing else"
                    if rare and (documents is not None or tools_name in ("an empty list of tools", "two tools")):
                        continue
                    for prompt in (True, False):
                        yield (f"{talk}, {tools_name}, {extra_name}, {documents_name}, prompt {prompt}",
                               {"messages": messages, "tools": tools, "documents": documents,
                                "add_generation_prompt": prompt, **SPECIAL, **extra})

"""Writes `src/price/prices.json` from the installed package `genai-prices` (MIT; its licence lies beside the table).

    pip install genai-prices && python3 agentforge-llm/prices/regenerate.py

A model is left out where tokens alone do not say what it costs: where requests, pages, characters or hours are paid for,
and where no price is known. Searches, which some models add, are not in the table.
"""

import itertools
import json
import re
import sys
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from genai_prices.data import providers

FIELDS = {
    "input_mtok": "input",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_written",
    "input_audio_mtok": "audio_input",
    "output_mtok": "output",
    "output_audio_mtok": "audio_output",
}
# Paid besides tokens, or only by a request that asks for them.
BESIDES = {"web_searches_kcount", "storage_searches_kcount", "cache_write_1h_mtok", "cache_audio_read_mtok",
           "input_image_mtok", "cache_image_read_mtok", "output_image_mtok", "input_video_mtok", "output_video_mtok",
           "output_reasoning_mtok", "output_citation_mtok"}
NO_SPEECH = "^(?!.*-[tT][tT][sS](?:$|-))"


class Odd(Exception):
    """What the table has no words for."""


def nanos(amount):
    """Dollars for a million tokens, as an integer of billionths of a dollar; finer ones are rounded."""
    return str(int((amount * Decimal(10) ** 9).to_integral_value()))


def of_regex(regex):
    """The patterns of a regular expression of literals, digits, optional beginnings and small classes."""
    if not regex.startswith("^"):
        raise Odd(regex)
    body, ends = regex[1:], "" if regex.endswith("$") else "*"
    body = body.removesuffix("$")
    found = [""]
    while body:
        if optional := re.match(r"\(([\w/]+)\)\?", body):
            found, body = [f + o for f, o in itertools.product(found, ("", optional[1]))], body[optional.end():]
        elif digits := re.match(r"\\d(?:\{(\d+)\})?", body):
            found, body = [f + "#" * int(digits[1] or 1) for f in found], body[digits.end():]
        elif letters := re.match(r"\[([\w@-]+)\]", body):
            found, body = [f + o for f, o in itertools.product(found, letters[1])], body[letters.end():]
        elif letter := re.match(r"\\([.\[\]/-])|([\w=/:@-])", body):
            found, body = [f + (letter[1] or letter[2]) for f in found], body[letter.end():]
        else:
            raise Odd(regex)
    return [f + ends for f in found]


def patterns(clause):
    """Which names a clause matches, and which of them not."""
    kind = type(clause).__name__
    if kind == "ClauseOr":
        parts = [patterns(part) for part in clause.or_]
        if any(unless for _, unless in parts):
            raise Odd("an exception inside of alternatives")
        return [name for names, _ in parts for name in names], []
    if kind == "ClauseAnd":
        rest = [part for part in clause.and_ if getattr(part, "regex", None) != NO_SPEECH]
        if len(rest) != 1 or len(rest) == len(clause.and_):
            raise Odd("conditions that all hold")
        return patterns(rest[0])[0], ["*-tts", "*-tts-*"]
    return {
        "ClauseEquals": lambda: [clause.equals],
        "ClauseStartsWith": lambda: [clause.starts_with + "*"],
        "ClauseEndsWith": lambda: ["*" + clause.ends_with],
        "ClauseContains": lambda: ["*" + clause.contains + "*"],
        "ClauseRegex": lambda: of_regex(clause.regex),
    }[kind](), []


def row(prices):
    """The prices of tokens."""
    given = {name: value for name, value in vars(prices).items() if value is not None and not name.startswith("_")}
    if unknown := set(given) - set(FIELDS) - BESIDES:
        raise Odd(f"paid by {', '.join(sorted(unknown))}")
    made, tiers = {}, {}
    for name, ours in FIELDS.items():
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, Decimal):
            made[ours] = nanos(value)
        else:
            made[ours] = nanos(value.base)
            for tier in value.tiers:
                tiers.setdefault(tier.start, {})[ours] = nanos(tier.price)
    if "input" not in made or "output" not in made:
        raise Odd("no price of input and output")
    listed = []
    for start in sorted(tiers):
        # What a tier leaves open stays as it was below it.
        below = listed[-1] if listed else made
        kept = {name: below[name] for name in ("input", "cached", "cache_written", "output") if name in below}
        listed.append({"above": start, **kept, **{n: v for n, v in tiers[start].items() if not n.startswith("audio")}})
    if listed:
        made["tiers"] = listed
    return made


def dated(prices):
    """Prices with when they hold; of those that hold the last counts."""
    if not isinstance(prices, list):
        return [row(prices)]
    listed = []
    for one in prices:
        limit, made = one.constraint, row(one.prices)
        kind = type(limit).__name__
        if kind == "StartDateConstraint":
            made["from"] = limit.start_date.isoformat()
        elif kind == "TimeOfDateConstraint":
            made["daily"] = [limit.start_time.strftime("%H:%M"), limit.end_time.strftime("%H:%M")]
        elif limit is not None:
            raise Odd(kind)
        listed.append(made)
    return listed


def main():
    table, left_out = {}, 0
    for provider in providers:
        models = []
        for model in provider.models:
            try:
                names, unless = patterns(model.match)
                prices = dated(model.prices)
            except Odd as odd:
                left_out += 1
                print(f"left out: {provider.id} {model.id}: {odd}", file=sys.stderr)
                prices = None
                try:
                    names, unless = patterns(model.match)
                except Odd:
                    continue
            entry = {"names": [name.lower() for name in names]}
            if unless:
                entry["unless"] = unless
            # One without prices stays, so that no later pattern takes its names.
            entry["prices"] = prices or []
            models.append(entry)
        table[provider.id] = {"also": provider.fallback_model_providers or [], "models": models}
    text = {"source": "genai-prices", "version": version("genai-prices"), "currency": "USD", "providers": table}
    path = Path(__file__).parent.parent / "src/price/prices.json"
    lines = json.dumps(text, separators=(",", ":"), sort_keys=True).replace('{"names"', '\n{"names"')
    path.write_text(lines + "\n")
    count = sum(len(provider["models"]) for provider in table.values())
    print(f"{count} models of {len(table)} providers, {left_out} without a price", file=sys.stderr)


if __name__ == "__main__":
    main()

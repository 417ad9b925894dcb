"""Ids of runs, and the names that people say.

An id is a UUIDv7: sortable by the time it was made, unique on any machine. A name such as `amber-otter-3` follows
from the id alone; that it is unique in a registry is the registry's business, which counts the number up.
Randomness comes from the operating system: the random state of a training script is never touched.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid

_RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

_ADJECTIVES = (  # noqa: SIM905 - words read better than a list of literals
    "able amber ample aqua ashen azure bold brave breezy bright brisk bronze calm candid cedar cheery civil clear "
    "clever cobalt coral cosmic crisp curious daring deft dusky eager early earnest easy ebony fabled fair fancy "
    "fearless fleet fond frank free fresh frosty gentle gilded glad golden grand green hardy hazel hearty hidden "
    "honest humble indigo ivory jade jolly jovial keen kind lavender light lilac lively loyal lucid lucky lunar "
    "maple marble mellow merry mild misty modest neat nimble noble novel olive opal patient pearly placid plucky "
    "polite proud quick quiet rapid ready rosy royal ruby rustic sage scarlet serene sharp silent silver sleek "
    "smart snowy solar solid spry steady sunny swift tidy topaz tranquil trusty upbeat velvet vivid warm wise witty "
    "young zesty"
).split()

_NOUNS = (  # noqa: SIM905
    "adder alpaca antelope badger bat bear beaver bee beetle bison boar bobcat buffalo camel caribou carp cat "
    "cheetah cobra condor coyote crab crane cricket crow deer dingo dolphin donkey dove dragonfly duck eagle eel "
    "egret elk emu falcon ferret finch firefly fox frog gazelle gecko gibbon giraffe goat goose gopher grouse gull "
    "hamster hare hawk hedgehog heron hornet horse hyena ibex ibis iguana impala jackal jaguar jay kestrel "
    "kingfisher kiwi koala lark lemming lemur leopard lion lizard llama lobster lynx macaw magpie manatee marmot "
    "marten mink mole moose moth mouse newt ocelot octopus opossum oriole osprey otter owl ox panda panther parrot "
    "pelican penguin pheasant pigeon puffin puma quail rabbit raccoon raven robin salmon seal shark sparrow squid "
    "stork swan tapir tiger toucan trout turtle viper walrus weasel whale wolf wombat wren yak zebra"
).split()


def new_run_id() -> str:
    """A new UUIDv7 as canonical lower-case text: 48 bits of milliseconds, 12 of their fraction, 62 of randomness."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return str(uuid.UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random))


def is_run_id(text: str) -> bool:
    """Whether `text` may be the id of a run: 1 to 100 letters, digits and `._-`, safe as a file name."""
    return _RUN_ID.fullmatch(text) is not None


def speakable(run_id: str) -> str:
    """The name that follows from an id: adjective, animal, and a number from 1 to 9."""
    digest = hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:8], "big")
    number, adjective = divmod(number, len(_ADJECTIVES))
    number, noun = divmod(number, len(_NOUNS))
    return f"{_ADJECTIVES[adjective]}-{_NOUNS[noun]}-{number % 9 + 1}"

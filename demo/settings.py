"""What the simulated city takes from the environment, and what it stands for if it is not set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_SEED = 20250701
DEFAULT_SCALE = 0.03


class SettingsError(ValueError):
    """A variable of the environment is missing or holds what it may not."""


@dataclass(frozen=True)
class CitySettings:
    """Which city: `seed` names it, `scale` says how much of it (1.0 = 2,528,789 pupils)."""

    seed: int
    scale: float


def _number(name: str, default: float, kind: type) -> float:
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        return kind(value)
    except ValueError:
        raise SettingsError(
            f"{name} is `{value}`; expected a number such as {default}. Set it so, or unset it."
        ) from None


def city_settings(seed: int | None = None, scale: float | None = None) -> CitySettings:
    """Seed and scale as given, else from HCMEDU_CITY_SEED and HCMEDU_CITY_SCALE.

    :raises SettingsError: a value is no number, or the scale is not above 0 and at most 1.
    """
    chosen = _number("HCMEDU_CITY_SEED", DEFAULT_SEED, int) if seed is None else seed
    part = _number("HCMEDU_CITY_SCALE", DEFAULT_SCALE, float) if scale is None else scale
    if not 0 < part <= 1:
        raise SettingsError(f"The scale of the city is {part}; it must be above 0 and at most 1.")
    return CitySettings(int(chosen), float(part))


def required(name: str, what: str) -> str:
    """The variable `name`, which holds `what`.

    :raises SettingsError: it is not set.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise SettingsError(
            f"{name} is not set. It holds {what}; config/local/env sets it for a command."
        )
    return value


def drop_folder() -> Path:
    """The folder that wards drop their files into (HCMEDU_DROP_FOLDER)."""
    return Path(required("HCMEDU_DROP_FOLDER", "the folder that wards drop their files into"))

"""Where a town's live facts come from, as its YAML file says it under `live:`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from callbot.town.local_time import known_zone


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LiveSource(_Strict):
    """One source: an address on the network, or a local file."""

    url: str = Field("", max_length=2000, description="Address of the feed, http or https.")
    path: Annotated[Path | None, Field(strict=False)] = Field(
        None, description="Or a file, .ics or .json, beside the town's: read again when it changes."
    )
    refresh_s: int = Field(
        60, ge=10, le=86400, description="Pause between two looks; a GBFS ttl may lengthen it."
    )
    timeout_ms: int = Field(1500, ge=100, le=20000, description="Patience with one document.")
    stale_s: int = Field(
        900, ge=10, le=30 * 86400, description="Facts older than this are not said any more."
    )

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"no address: {error}") from error
        if value and (url.scheme not in ("http", "https") or not url.host):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("path")
    @classmethod
    def _known_kind(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and value.suffix.lower() not in (".ics", ".json"):
            raise ValueError("must be an .ics or .json file")
        beside = (info.context or {}).get("folder", Path())
        return beside / value.expanduser() if value is not None else None

    @model_validator(mode="after")
    def _coherent(self) -> LiveSource:
        if bool(self.url) == (self.path is not None):
            raise ValueError("needs either url or path")
        if self.stale_s < self.refresh_s:
            raise ValueError("stale_s must not be below refresh_s")
        return self


class BikeSource(LiveSource):
    """A shared-bike system: the address of its gbfs.json (GBFS 2.3 or 3.0)."""

    @model_validator(mode="after")
    def _on_the_network(self) -> BikeSource:
        if self.path is not None:
            raise ValueError("needs a url: bikes move")
        return self


class DatedSource(LiveSource):
    """A calendar: what it said yesterday mostly still holds, so a short outage goes unnoticed."""

    refresh_s: int = Field(900, ge=10, le=86400, description="Pause between two looks.")
    stale_s: int = Field(
        86400, ge=10, le=30 * 86400, description="It is not believed when unseen for longer."
    )


class LiveConfig(_Strict):
    """Every live source; what is not configured has the catalogue's fixed answer."""

    velos: BikeSource | None = Field(None, description="Shared bikes: gbfs.json.")
    collecte: DatedSource | None = Field(
        None,
        description="Waste collection, iCalendar: SUMMARY or CATEGORIES tell the bin, LOCATION the sector.",
    )
    menu: DatedSource | None = Field(None, description="School meals, iCalendar or JSON.")
    agenda: DatedSource | None = Field(None, description="Events in town, iCalendar or JSON.")
    zone: Annotated[str, AfterValidator(known_zone)] = Field(
        "", description="The town's `zone`, where older files have it."
    )

"""What is shown of a training: while it runs, what it gave, and what a model's entry says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facesearch.cli.documents import failures, own_model_document
from facesearch.cli.output import FAILED, columns, hint, labelled, plural, say, tell, warn
from facesearch.cli.places import short

if TYPE_CHECKING:
    from facesearch.identify.calibration import Calibration
    from facesearch.models.local import LocalModel
    from facesearch.training.collecting import Collected
    from facesearch.training.embedder import TrainedEmbedder
    from facesearch.training.trainer import Epoch

_NAMED = 20
"""Photos that could not be used are named up to this many; ``--json`` names all."""


def tell_epoch(epoch: Epoch) -> None:
    """A line an epoch, on stderr."""
    loss = "" if epoch.loss is None else f"  loss {epoch.loss:.3f}  active {epoch.active:.0%}"
    rates = "  ".join(f"TAR at FAR {far:g} {tar:.3f}" for far, tar in epoch.tar.items())
    tell(f"epoch {epoch.number:>3}  AUC {epoch.auc:.3f}  {rates}{loss}  {epoch.seconds:.1f} s")


def show_trained(done: TrainedEmbedder, collected: Collected, model: LocalModel | None, name: str | None) -> None:
    """Print what came out, what became of it, and which photos could not be used; ``name`` is what was wished for."""
    first, best = done.trained.epochs[0], done.trained.epochs[done.trained.best]
    if done.trained.stopped is not None:
        say(("stopped", "bold"), f": {done.trained.stopped}")
    say(("best", "bold"), f": epoch {best.number} of {len(done.trained.epochs) - 1}")
    people = plural(done.checked_people, "person", "people")
    rows: list[tuple[str, str]] = [
        ("  AUC", f"{first.auc:.3f} before, {best.auc:.3f} now, on {people} not learnt from")
    ]
    rows += [(f"  TAR at FAR {far:g}", f"{first.tar[far]:.3f} before, {tar:.3f} now") for far, tar in best.tar.items()]
    rows += [
        ("  model", str(done.result.onnx)),
        ("  for Keras", str(done.result.keras)),
        ("  curve", str(done.result.curve)),
    ]
    columns(rows)
    if model is not None:
        say((model.name, "bold"), f"  is there: --model {model.name}{_measured(done, model)}")
    _show_unused(collected)
    if model is not None or name is None:
        _advise(done, model)


def caution(done: TrainedEmbedder, model: LocalModel | None, name: str | None, licence: str | None) -> None:
    """Say on stderr where something else came of a training than was wished for.

    Args:
        done: the training.
        model: what it became.
        name: what it was to be called; None where it was to become no model.
        licence: what was said of that.
    """
    added = "" if name is None or model is not None else f", and {name} was not added"
    if done.trained.best == 0:
        warn(f"no epoch was better than the network before: this is that one{added}")
    if added:
        hint(f"to add it all the same: facesearch models add {done.result.onnx} --name {name}")
    if licence and model is not None and model.licence != licence:
        warn(f"{model.name} was there already and keeps its licence: {model.licence}")
        hint(f"to change that: facesearch models remove {model.name}, then the same command again")


def trained_document(
    done: TrainedEmbedder, collected: Collected, model: LocalModel | None, calibration: Calibration | None
) -> dict[str, Any]:
    """What ``--json`` prints; ``added`` is None where the training did not become a model."""
    return {
        "best": done.trained.best,
        "stopped": done.trained.stopped,
        "epochs": [
            {
                "number": epoch.number,
                "loss": epoch.loss,
                "active": epoch.active,
                "auc": epoch.auc,
                "tar": {str(far): tar for far, tar in epoch.tar.items()},
                "seconds": round(epoch.seconds, 3),
            }
            for epoch in done.trained.epochs
        ],
        "faces": done.faces,
        "people": done.people,
        "validation": {"faces": done.checked_faces, "people": done.checked_people},
        "data": {"kind": collected.origin.kind, "place": collected.origin.place},
        "unused": len(collected.unused),
        "failed": failures(collected.unused),
        "model": str(done.result.onnx),
        "keras": str(done.result.keras),
        "curve": str(done.result.curve),
        "sha256": done.result.sha256,
        "added": None if model is None else own_model_document(model, calibration),
    }


def training_facts(training: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and text of what a model's entry says of its training; whatever it does not say is left out."""
    data, checked, settings = (_dict(training.get(name)) for name in ("data", "validation", "settings"))
    seed = f", seed {settings['seed']}" if "seed" in settings else ""
    facts = [("trained", ", ".join(str(training[name]) for name in ("network", "date") if name in training) + seed)]
    if {"faces", "people"} <= training.keys():
        place = f", {data.get('kind')} {data.get('place')}" if data else ""
        facts.append(("learnt from", f"{training['faces']} faces of {training['people']} people{place}"))
    if "people" in checked:
        chose = f", who chose epoch {checked['epoch']}" if "epoch" in checked else ""
        facts.append(("checked on", f"{checked.get('faces')} faces of {checked['people']} people kept back{chose}"))
    auc, tar = _dict(checked.get("auc")), _dict(checked.get("tar"))
    gains = [("AUC", auc), *((f"TAR at FAR {far}", _dict(rates)) for far, rates in tar.items())]
    facts += [
        ("", f"{what} {rates['before']:.3f} before, {rates['after']:.3f} now")
        for what, rates in gains
        if all(isinstance(rates.get(when), float | int) for when in ("before", "after"))
    ]
    return [fact for fact in facts if fact[1]]


def _dict(value: object) -> dict[str, Any]:
    """An entry is a file that anybody may have written."""
    return value if isinstance(value, dict) else {}


def _measured(done: TrainedEmbedder, model: LocalModel) -> str:
    if not model.calibrated:
        return ", not calibrated"
    return f", calibrated on the {done.checked_people:,} people kept back, who also chose the epoch"


def _show_unused(collected: Collected) -> None:
    if not collected.unused:
        return
    say(f"{plural(len(collected.unused), 'photo')} could not be used")
    labelled(FAILED, [(short(failure.path), failure.error) for failure in collected.unused[:_NAMED]])
    if len(collected.unused) > _NAMED:
        say(f"        and {len(collected.unused) - _NAMED:,} more (--json names them)")


def _advise(done: TrainedEmbedder, model: LocalModel | None) -> None:
    if model is None:
        hint(
            f"to use it: facesearch models add {done.result.onnx} --name NAME --calibrate DIR, with people it has not "
            "seen"
        )
    elif not model.calibrated:
        hint(
            f"calibrating takes 100 people, {done.checked_people} were kept back; measure it on others, so that it can "
            f"decide: facesearch models calibrate {model.name} DIR"
        )

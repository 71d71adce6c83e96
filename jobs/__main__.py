"""The command line. It imports typer alone; every command loads what it needs when it runs."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Vitrine opens trained networks: which channel is which, how alike two layers are, what a unit sees.",
)

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study file, or the name of one that ships.")]
SetOption = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override one key, as images.batch=64. Repeatable.")
]
CodeOption = Annotated[
    list[str], typer.Option("--allow-code", metavar="MODULE", help="Let the study import this module. Repeatable.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and no progress.")]

DONE, FAILED, USER_ERROR, INCOMPLETE = 0, 1, 2, 75
INTERRUPTED = 130
"""What typer makes of a KeyboardInterrupt."""


@app.command()
def run(study: StudyArgument, set: SetOption = [], allow_code: CodeOption = [], json: JsonOption = False) -> None:  # noqa: B006
    """Run a study to its end, or go on with an interrupted one."""
    from jobs.commands import run_study

    run_study(study, set, tuple(allow_code), json)


@app.command()
def plan(study: StudyArgument, set: SetOption = [], allow_code: CodeOption = [], json: JsonOption = False) -> None:  # noqa: B006
    """Print units, shards, bytes, memory a worker and the time to expect; refuse what cannot fit."""
    from jobs.commands import plan_study

    plan_study(study, set, tuple(allow_code), json)


@app.command()
def status(study: StudyArgument, set: SetOption = [], json: JsonOption = False) -> None:  # noqa: B006
    """Say how far a run is, from its ledgers."""
    from jobs.commands import status_of

    status_of(study, set, json)


@app.command()
def verify(study: StudyArgument, set: SetOption = [], json: JsonOption = False) -> None:  # noqa: B006
    """Hash every stored shard again and compare with what was committed."""
    from jobs.commands import verify_run

    verify_run(study, set, json)


@app.command()
def report(study: StudyArgument, set: SetOption = [], allow_code: CodeOption = []) -> None:  # noqa: B006
    """Draw the figures and the report of a finished run again."""
    from jobs.commands import redraw

    redraw(study, set, tuple(allow_code))


@app.command()
def compress(
    weights: Annotated[str, typer.Argument(help="A .safetensors file, or a torch file that holds tensors alone.")],
    to: Annotated[str | None, typer.Argument(help="The file to write (default: beside it, as .vitrine).")] = None,
    json: JsonOption = False,
) -> None:
    """Write weights as a .vitrine file, in as few bytes as their zeros and repeated values allow, bit for bit."""
    from jobs.commands import compress_weights

    compress_weights(weights, to, json)


@app.command()
def decompress(
    weights: Annotated[str, typer.Argument(help="A .vitrine file.")],
    to: Annotated[str | None, typer.Argument(help="The file to write (default: beside it, as .safetensors).")] = None,
    json: JsonOption = False,
) -> None:
    """Write the weights of a .vitrine file as .safetensors, the same bits."""
    from jobs.commands import decompress_weights

    decompress_weights(weights, to, json)


@app.command()
def init(path: Annotated[str, typer.Argument(help="The file to write.")] = "study.yaml") -> None:
    """Write a commented study file to start from."""
    from jobs.commands import write_example

    write_example(path)


@app.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors to complete from."""
    from jobs.commands import print_schema

    print_schema()


def main() -> None:
    """Run a command; exit 0 done, 1 failed, 2 user error, 75 incomplete."""
    sys.exit(_guarded(app))


def _guarded(command: Callable[..., Any]) -> int:
    """What a command's end means to the caller: a one-line message on stderr and a code."""
    try:
        code = command(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except typer.Exit as end:
        code = end.exit_code
    except Exception as error:
        return _code_of(error)
    if code == INTERRUPTED:
        return _said("Interrupted: run the same command again to go on.", INCOMPLETE)
    return code if isinstance(code, int) else DONE


def _code_of(error: Exception) -> int:
    from cluster.errors import ClusterError, Refused
    from cluster.stop import Drained
    from jobs.errors import FailedError, UserError

    if type(error).__name__ == "NoArgsIsHelpError":
        print(error, file=sys.stderr)
        return USER_ERROR
    if hasattr(error, "format_message"):  # typer's own: a missing argument, an unknown option
        return _said(f"{error.format_message().rstrip('.')}. See vitrine --help.", USER_ERROR)
    if isinstance(error, UserError | Refused):
        return _said(str(error), USER_ERROR)
    if isinstance(error, Drained):
        return _said(f"Incomplete: {error}. Run the same command again to go on.", INCOMPLETE)
    if isinstance(error, FailedError | ClusterError):
        return _said(f"Failed: {error}", FAILED)
    if "torchvision::nms" in str(error):
        return _said(
            "torch and torchvision are of different builds: install both together, from one index.", USER_ERROR
        )
    raise error


def _said(message: str, code: int) -> int:
    print(f"vitrine: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()

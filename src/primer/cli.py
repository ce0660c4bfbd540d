"""`primer …`: finds the command, prints errors. Each command is imported when it is called, and not before."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from primer import __version__
from primer.core.errors import ConfigError, PrimerError, suggest

# name: (module, its config class, what it does). The module's `main(config)` runs the command.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "prepare": ("primer.text.prepare", "PrepareConfig", "text to token shards"),
    "tokenizer": ("primer.text.tokenizer_commands", "", "train, show or eval a tokenizer"),
    "pretrain": ("primer.train.pretrain", "PretrainConfig", "train a model on raw text"),
    "chat-format": ("primer.text.chat_commands", "", "show conversations as the model reads them"),
    "sft": ("primer.train.sft", "SFTConfig", "teach a base model to converse"),
    "dpo": ("primer.train.dpo", "DPOConfig", "teach a chat model to prefer the better answer"),
    "rl": ("primer.train.rl", "RLConfig", "improve a chat model by trial and reward"),
    "sample": ("primer.engine.sample", "SampleConfig", "let a trained model continue a text"),
    "chat": ("primer.engine.chat", "ChatConfig", "talk to a trained model, in the terminal"),
    "serve": ("primer.serve.command", "ServeConfig", "serve models over OpenAI's protocol"),
    "web": ("primer.serve.web", "WebConfig", "talk to models in the browser: server and page"),
    "votes": ("primer.serve.votes", "", "people's votes as preference pairs"),
    "safety": ("primer.serve.safety_commands", "", "check texts against the filters, and measure them"),
    "eval": ("primer.evaluate.eval", "EvalConfig", "measure a trained model on tasks"),
    "report": ("primer.evaluate.report_command", "ReportConfig", "write the report of a run, or of a speedrun"),
    "speedrun": ("primer.speedrun", "SpeedrunConfig", "the whole way in one go, resumable"),
}


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 failed, 2 a mistake in what was asked, 130 interrupted."""
    try:
        dispatch(sys.argv[1:])
    except PrimerError as error:
        print(f"primer: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("primer: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output went away
        sys.stderr.close()
        sys.exit(1)


def dispatch(args: list[str]) -> None:
    """Run the command that the arguments name."""
    if not args or args[0] in ("-h", "--help", "help"):
        print(overview())
        return
    if args[0] in ("-V", "--version"):
        print(f"primer {__version__}")
        return
    name, rest = args[0], args[1:]
    if name not in COMMANDS:
        raise ConfigError(f"there is no command {name!r}; {suggest(name, COMMANDS)}")
    module_name, config_name, _ = COMMANDS[name]
    module = import_module(module_name)
    if not config_name:
        run_subcommand(name, module.COMMANDS, rest)
        return
    kind = getattr(module, config_name)
    default, rest = defaults(name, module, kind, rest)
    about = (kind.__doc__ or "") + (presets_help() if name == "pretrain" else "")
    module.main(parse(kind, f"primer {name}", rest, default, about))


def run_subcommand(name: str, commands: dict[str, tuple[type, Callable[[Any], None]]], args: list[str]) -> None:
    """`primer tokenizer train …` and its like."""
    if not args or args[0] in ("-h", "--help"):
        lines = [f"  {sub:<8} {(kind.__doc__ or '').splitlines()[0]}" for sub, (kind, _) in commands.items()]
        print(f"usage: primer {name} COMMAND …\n\n" + "\n".join(lines))
        return
    if args[0] not in commands:
        raise ConfigError(f"there is no command 'primer {name} {args[0]}'; {suggest(args[0], commands)}")
    kind, function = commands[args[0]]
    function(parse(kind, f"primer {name} {args[0]}", args[1:], None))


def defaults(name: str, module: Any, kind: type, args: list[str]) -> tuple[Any, list[str]]:
    """The config that the options go on top of: a preset's, or, with --resume, the run's own."""
    if name not in ("pretrain", "sft", "dpo", "rl"):
        return None, args
    default = kind()
    if name == "pretrain":
        from primer.presets import PRETRAIN

        preset, args = take_option(args, "--preset")
        if preset is not None and preset not in PRETRAIN:
            raise ConfigError(f"there is no preset {preset!r}; {suggest(preset, PRETRAIN)}")
        default = PRETRAIN[preset] if preset else default
    if "--resume" not in args or "--help" in args or "-h" in args:
        return default, args
    from primer.core.rundir import RunDir, newest_run

    path, rest = take_option(args, "--run")
    run = RunDir(Path(path)) if path else RunDir(default.run) if default.run else newest_run()
    saved = module.saved_config(run)
    asked = parse(kind, f"primer {name}", [arg for arg in rest if arg != "--resume"], saved)
    if replace(asked, runtime=saved.runtime) != saved:
        raise ConfigError(
            f"{run.path} was begun with other options, and goes on with those: beside --resume only the device, "
            "dtype and threads can be given. For other options start another run."
        )
    return asked, []


def presets_help() -> str:
    """What `primer pretrain --help` says of --preset, which is read before the options that go on top of it."""
    from primer.presets import PRETRAIN

    return f" --preset NAME starts from a recipe ({', '.join(PRETRAIN)}); every option goes on top of it."


def take_option(args: list[str], option: str) -> tuple[str | None, list[str]]:
    """The value of an option, and the arguments without it.

    >>> take_option(["--depth", "4", "--preset", "tiny"], "--preset")
    ('tiny', ['--depth', '4'])
    """
    for i, arg in enumerate(args):
        if arg.startswith(f"{option}="):
            return arg.split("=", 1)[1], args[:i] + args[i + 1 :]
        if arg == option:
            if i + 1 == len(args):
                raise ConfigError(f"{option} needs a value.")
            return args[i + 1], args[:i] + args[i + 2 :]
    return None, args


def parse(kind: type, prog: str, args: list[str], default: Any, about: str | None = None) -> Any:
    """Options to a config; an unknown one ends the program with code 2 and the near names."""
    import tyro

    on_top = {} if default is None else {"default": default}
    return tyro.cli(kind, prog=prog, description=about, args=args, config=(tyro.conf.OmitArgPrefixes,), **on_top)


def overview() -> str:
    """What `primer --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {help}" for name, (_, _, help) in COMMANDS.items()]
    return "\n".join([
        f"primer {__version__}: from raw text to a chat assistant", "",
        "usage: primer COMMAND [options]     (primer COMMAND --help lists them)", "", *lines,
    ])  # fmt: skip


if __name__ == "__main__":
    main()

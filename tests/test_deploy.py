"""The container's files name only what is there. No image is built: these are their words, held against the code."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from primer import cli
from primer.core.rundir import RUNS
from primer.serve import client, command, web
from primer.serve.command import ServeConfig
from primer.serve.database import parse
from primer.serve.gate import HEALTH
from primer.serve.web import WebConfig

ROOT = Path(__file__).parents[1]
PAGE_HEALTH = "/_stcore/health"
NAMED = re.compile(r"\$\{(\w+)")  # variables in compose.yaml


def read(name: str) -> str:
    """A file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def instructions(keyword: str) -> list[str]:
    """What follows this keyword in the Dockerfile, once for each time."""
    text = re.sub(r"^#.*\n", "", read("Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith(f"{keyword} ")]


def words(keyword: str) -> list[str]:
    """The list that follows a keyword, as in CMD ["serve"]."""
    found: list[str] = yaml.safe_load(instructions(keyword)[0])
    return found


def config_of(words: list[str]) -> Any:
    """The config of a command of ours; ends the test if there is no such command or option."""
    module, config, _ = cli.COMMANDS[words[0]]
    return cli.parse(getattr(import_module(module), config), "primer", words[1:], None)


@pytest.fixture(scope="module")
def services() -> Any:
    """Those of compose.yaml."""
    return yaml.safe_load(read("compose.yaml"))["services"]


# --- the image ---


def test_what_is_copied_is_there_and_nothing_else() -> None:
    ignored = read(".dockerignore").splitlines()
    sources = [source for copied in instructions("COPY") for source in copied.split()[:-1]]
    assert all((ROOT / source).exists() for source in sources)
    assert {f"!{source.split('/')[0]}" for source in sources} == {line for line in ignored if line.startswith("!")}
    assert "*" in ignored  # keys, runs and history stay outside


def test_the_image_has_a_python_a_torch_and_extras_that_there_are() -> None:
    project = read("pyproject.toml")
    given = dict(argument.split("=", 1) for argument in instructions("ARG"))
    version = instructions("FROM")[0].removeprefix("python:").removesuffix("-slim")
    assert f"Python :: {version}" in project
    assert f"torch=={given['TORCH_VERSION']} " in read("Makefile")
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in given["EXTRAS"].split(","))


def test_the_image_serves_as_somebody_without_rights() -> None:
    dockerfile = read("Dockerfile")
    assert dockerfile.index("\nUSER ") < dockerfile.index("\nENTRYPOINT ")
    assert instructions("USER") == ["primer"]
    assert words("ENTRYPOINT") == ["primer"]
    assert '\nprimer = "primer.cli:main"' in read("pyproject.toml")
    config = config_of(words("CMD"))
    assert (type(config), config.host) == (ServeConfig, "0.0.0.0")
    assert instructions("EXPOSE")[0].split() == [f"{config.port}", f"{WebConfig().port}"]
    assert instructions("VOLUME") == [f"{instructions('WORKDIR')[-1]}/{RUNS}"]


def test_the_image_asks_how_the_server_is() -> None:
    check = instructions("HEALTHCHECK")[0]
    program = yaml.safe_load(check.split(" CMD ")[1])[2]
    assert f"'http://127.0.0.1:{config_of(words('CMD')).port}{HEALTH}'" in program
    compile(program, "HEALTHCHECK", "exec")
    assert f"--start-period={web.START_SECONDS}s" in check


# --- the services ---


def test_the_services_find_each_other(services: Any) -> None:
    server, page = (config_of(services[name]["command"]) for name in ("server", "page"))
    assert (type(server), type(page)) == (ServeConfig, WebConfig)
    assert page.api == f"http://server:{server.port}/v1"
    url, given = parse(page.database), services["database"]["environment"]
    assert (url.host, url.username, url.database) == ("database", given["POSTGRES_USER"], given["POSTGRES_DB"])
    assert services["page"]["environment"]["PGPASSWORD"] == given["POSTGRES_PASSWORD"]
    assert set(services["page"]["depends_on"]) == {"server", "database"}
    check = services["page"]["healthcheck"]["test"][-1]
    assert f"'http://127.0.0.1:{page.port}{PAGE_HEALTH}'" in check
    assert PAGE_HEALTH in inspect.getsource(web)
    compile(check, "healthcheck", "exec")


def test_their_variables_are_read_by_somebody(services: Any) -> None:
    assert "PRIMER_API_KEYS" in services["server"]["environment"]
    assert '"PRIMER_API_KEYS"' in inspect.getsource(command)
    assert "PRIMER_API_KEY" in services["page"]["environment"]
    assert '"PRIMER_API_KEY"' in inspect.getsource(client)
    from streamlit import config

    assert "browser.serverAddress" in config.get_config_options(force_reparse=False)
    assert "STREAMLIT_BROWSER_SERVER_ADDRESS" in services["page"]["environment"]
    assert all(name in read("docs/deploy.md") for name in NAMED.findall(read("compose.yaml")))


def test_no_secret_stands_in_the_files(services: Any) -> None:
    for service in services.values():
        for name, value in service["environment"].items():
            assert "${" in value or not re.search("KEY|PASS", name)


def test_only_the_page_is_published_and_to_this_machine_alone(services: Any) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"page": [f"127.0.0.1:{WebConfig().port}:{WebConfig().port}"]}
    more = yaml.safe_load(read("deploy/api.yaml"))["services"]
    port = config_of(services["server"]["command"]).port
    assert more == {"server": {"ports": [f"127.0.0.1:{port}:{port}"]}}
    assert services["database"]["networks"] == ["inside"]
    assert yaml.safe_load(read("compose.yaml"))["networks"]["inside"]["internal"]


def test_the_services_run_in_the_image_that_is_built(services: Any) -> None:
    for name in ("server", "page"):
        (volume,) = services[name]["volumes"]
        assert volume == f"./{RUNS}:{instructions('VOLUME')[0]}:ro"
        assert services[name]["build"] == "."
        assert services[name]["read_only"]
    more = yaml.safe_load(read("deploy/gpu.yaml"))["services"]["server"]["build"]["args"]
    assert more.keys() <= {argument.split("=")[0] for argument in instructions("ARG")}


def test_docker_waits_for_answers_under_way(services: Any) -> None:
    grace = config_of(services["server"]["command"]).grace_seconds
    assert int(services["server"]["stop_grace_period"].removesuffix("s")) > grace


def test_the_page_that_describes_them_names_files_that_are_there() -> None:
    for name in re.findall(r"-f (\S+\.yaml)", read("docs/deploy.md")):
        assert (ROOT / name).is_file()

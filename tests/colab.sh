#!/usr/bin/env bash
# Lesson 10 and the dashboards under Colab's Jupyter (colab.txt), in an environment of its own: tests/colab.sh FOLDER.
# All else, torch among it, is that of the Python that runs this.
set -euo pipefail
cd "$(dirname "$0")/.."

python -m venv "$1/colab"
"$1/colab/bin/pip" install -q -r tests/colab.txt setuptools
here=$(python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
echo "$here" > "$("$1/colab/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")/rest.pth"

export PYTHONPATH=$PWD
"$1/colab/bin/python" -c "import ipywidgets, IPython; print('ipywidgets', ipywidgets.__version__, 'IPython', IPython.__version__)"
"$1/colab/bin/python" -m pytest notebooks/10_explore.ipynb tests/widgets --ignore tests/widgets/browser

# On Colab: asks for ddkit.zip, the repository as a zip file, and installs it. Elsewhere this cell does nothing.
import os
import shutil
import subprocess
import sys
from pathlib import Path

if "google.colab" in sys.modules and not Path("requirements.txt").exists():
    from google.colab import files

    if not Path("ddkit-course").exists():
        shutil.unpack_archive(next(iter(files.upload())), "ddkit-course")
    os.chdir(next(Path("ddkit-course").rglob("requirements.txt")).parent)
    subprocess.run("pip install -q -r requirements.txt", shell=True, check=True)

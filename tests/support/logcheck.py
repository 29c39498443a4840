"""tests/interop/logcheck: the Go project's transparency-log packages, run on what our gateways make."""
import json
import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
PROGRAM = TOP / 'build' / 'logcheck'


def logcheck(*arguments, stdin='', expect=0):
    """Its answer; the program is built when it is older than its source. With expect=1 it must refuse, and the reason is returned."""
    source = TOP / 'tests/interop/logcheck'
    if not PROGRAM.exists() or PROGRAM.stat().st_mtime < (source / 'main.go').stat().st_mtime:
        PROGRAM.parent.mkdir(exist_ok=True)
        env = {**os.environ, 'GO111MODULE': 'off', 'GOPATH': '/usr/share/gocode', 'GOFLAGS': ''}
        subprocess.run(['go', 'build', '-o', str(PROGRAM), '.'], cwd=source, env=env, check=True, timeout=300)
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != expect:
        raise AssertionError(f'Go {"refuses" if done.returncode else "accepts"}: {done.stderr}{done.stdout}')
    return json.loads(done.stdout) if expect == 0 else done.stderr

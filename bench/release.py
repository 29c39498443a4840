"""What release by field costs (bench/release_bench.c), and beside it what Cedar takes to decide (bench/cedar.mjs). CPU time, so that others on the machine count little."""
import json
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PROGRAM = TOP / 'build/release/bench/release_bench'


def measure_release(quick=False, talk=lambda text: None):
    """{release_mb_per_s (the list of records from which is cut), release_1kib_us, and more}; Cedar's only where npm's packages are (make deps)."""
    talk('release by field')
    told = json.loads(subprocess.run([str(PROGRAM), '10' if quick else '40'], check=True, capture_output=True, text=True).stdout)
    result = {'release_mb_per_s': told.pop('cut_mb_per_s'), 'release_1kib_us': told.pop('small_1kib_us'), 'release': told}
    if shutil.which('node') and (TOP / 'node_modules/@cedar-policy/cedar-wasm').exists():
        talk('Cedar')
        done = subprocess.run(['node', str(TOP / 'bench/cedar.mjs'), '5000' if quick else '50000'], check=True, capture_output=True, text=True)
        result.update(json.loads(done.stdout))
    return result


def table(result):
    more = result['release']
    lines = [f'release by field: {result["release_mb_per_s"]:.0f} MB/s where records are cut, {more["kept_mb_per_s"]:.0f} where all is kept, '
             f'{more["indented_mb_per_s"]:.0f} indented, {more["not_ascii_mb_per_s"]:.0f} not ASCII, {more["numbers_mb_per_s"]:.0f} numbers',
             f'an answer of 1 KiB: {result["release_1kib_us"]:.2f} us, with three transformations {more["transformed_1kib_us"]:.2f} us (CPU)']
    if 'cedar_p50_us' in result:
        lines.append(f'Cedar {result["cedar_version"]} (WebAssembly in node), one category of one request: {result["cedar_p50_us"]:.1f} us, p99 {result["cedar_p99_us"]:.1f} us')
    return '\n'.join(lines)


if __name__ == '__main__':
    print(table(measure_release()))

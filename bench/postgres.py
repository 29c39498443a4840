"""PostgreSQL from Debian as an append-only log, to see Comity's beside it: a cluster of its own in a folder, on a socket, ended at the end."""
import os
import shutil
import subprocess
import time
from pathlib import Path

DATABASE = 'postgres'

# What a log entry holds: its place, its time, its salt, what it is about, and the commitment that Comity's tree is made of.
TABLE = '''
CREATE TABLE log (index bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, time timestamptz NOT NULL DEFAULT now(), salt bytea NOT NULL,
                  commitment bytea NOT NULL, statement bytea NOT NULL);
ALTER TABLE log ALTER COLUMN statement SET STORAGE EXTERNAL;
'''


def programs():
    """The folder with postgres, initdb and pgbench; None where they are not installed."""
    found = sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found and Path(found[-1].parent, 'pgbench').exists() else None


class Cluster:
    def __init__(self, folder, bin_folder):
        self.folder, self.bin = Path(folder).resolve(), bin_folder
        # It refuses to run as root: Debian's package makes a user for it.
        self.user = ['runuser', '-u', 'postgres', '--'] if os.geteuid() == 0 else []
        self.process = None
        self.scripts = 0

    def run(self, program, *arguments, stdin=None):
        done = subprocess.run([*self.user, str(self.bin / program), *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False,
                              cwd=self.folder, env={**os.environ, 'LC_ALL': 'C.UTF-8'})
        if done.returncode != 0:
            raise RuntimeError(f'{program}: {done.stderr.strip() or done.stdout.strip()}')
        return done.stdout

    def start(self):
        self.folder.mkdir(parents=True)
        if self.user:
            shutil.chown(self.folder, 'postgres')
        self.run('initdb', '--no-sync', '-A', 'trust', '-E', 'UTF8', self.folder / 'data')
        # As delivered, but for a socket alone: fsync, full_page_writes and synchronous_commit are on.
        self.process = subprocess.Popen(
            [*self.user, str(self.bin / 'postgres'), '-D', str(self.folder / 'data'), '-k', str(self.folder), '-c', 'listen_addresses=',
             '-c', 'synchronous_commit=on'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.folder.parent / 'postgres.stderr', 'wb'), cwd=self.folder)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.sql('SELECT 1')
                break
            except RuntimeError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.sql(TABLE)

    def sql(self, text):
        return self.run('psql', '-h', self.folder, '-d', DATABASE, '-v', 'ON_ERROR_STOP=1', '-qAt', stdin=text).strip()

    def bench(self, script, clients, seconds):
        """Runs a script again and again; returns runs a second and the mean time of one in ms."""
        self.scripts += 1
        path = self.folder / f'{self.scripts}.sql'
        path.write_text(script)
        path.chmod(0o644)
        told = self.run('pgbench', '-h', self.folder, '-n', '-M', 'prepared', '-c', clients, '-j', min(2, clients), '-T', seconds, '-f', path, DATABASE)
        lines = {line.split('=')[0].strip(): line.split('=')[1].split()[0] for line in told.splitlines() if '=' in line}
        return float(lines['tps']), float(lines['latency average'])

    def stop(self):
        if self.process is not None:
            # Not the process itself, which may be runuser: the one that the cluster names.
            self.run('pg_ctl', '-D', self.folder / 'data', '-m', 'fast', '-w', 'stop')
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def insert(statement):
    """One row of its own transaction. The salt and what is hashed differ from row to row, as they must."""
    return (f"INSERT INTO log (salt, commitment, statement) SELECT s, sha256(s || t), t FROM (SELECT sha256(int8send((random() * 1e15)::bigint)) "
            f"AS s, decode(repeat('61', {statement}), 'hex') AS t) AS r;\n")


def insert_many(rows, statement):
    """Many in one transaction, made by the server, which spares it parsing them."""
    return (f"INSERT INTO log (salt, commitment, statement) SELECT s, sha256(s || t), t FROM (SELECT sha256(int8send(i + (random() * 1e15)::bigint)) "
            f"AS s, decode(repeat('61', {statement}), 'hex') AS t FROM generate_series(1, {rows}) AS i) AS r;\n")


def measure(folder, *, batch, statement, exchange, seconds):
    """Rows a second in batches and one by one, and the time of an exchange's statements (`exchange`: their sizes) at 1 and 32 clients."""
    bin_folder = programs()
    if bin_folder is None:
        return {'postgres': 'not installed (Debian: postgresql)'}
    cluster = Cluster(Path(folder, 'postgres'), bin_folder)
    try:
        cluster.start()
        four = ''.join(insert(size) for size in exchange)
        told = {'postgres': cluster.sql('SHOW server_version'), 'postgres_synchronous_commit': cluster.sql('SHOW synchronous_commit')}
        batches = [(clients, cluster.bench(insert_many(batch, statement), clients, seconds)[0] * batch) for clients in (1, 2)]
        told['postgres_append_per_s'] = round(max(rate for _, rate in batches))
        told['postgres_single_1_client_per_s'] = round(cluster.bench(insert(statement), 1, seconds)[0])
        told['postgres_single_32_clients_per_s'] = round(cluster.bench(insert(statement), 32, seconds)[0])
        told['postgres_exchange_1_client_ms'] = round(cluster.bench(four, 1, seconds)[1], 3)
        told['postgres_exchange_32_clients_ms'] = round(cluster.bench(four, 32, seconds)[1], 3)
        return told
    finally:
        cluster.stop()

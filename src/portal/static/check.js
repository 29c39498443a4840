/*
 * Checks, in the reader's own browser, what a gateway says of a use: the record against its fingerprint in the log, the fingerprint against a
 * signed state of the log, that against its witnesses; and of a whole list that it is all of it. The formats are docs/evidence.md,
 * docs/evidence-uses.md and C2SP's signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-policy. Nothing is fetched but from the
 * gateway that served the page, and nothing is believed that can't be computed. The first half is pure, for node and browsers alike.
 */

/* ---- Bytes ---- */

const utf8 = new TextEncoder();

export class Refused extends Error {
  constructor(step, why) {
    super(why);
    this.step = step;
  }
}

function need(condition, step, why) {
  if (!condition) {
    throw new Refused(step, why);
  }
}

/* Strict: one text for one value, as RFC 4648 section 4 has it, unused bits zero. */
export function fromBase64(text, step) {
  need(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text), step, 'not base64');
  const raw = atob(text);
  need(btoa(raw) === text, step, 'not canonical base64');
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

export function toBase64(bytes) {
  let text = '';
  for (const byte of bytes) {
    text += String.fromCharCode(byte);
  }
  return btoa(text);
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function join(...parts) {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function same(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', join(...parts)));
}

function bigEndian64(number) {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(number));
  return out;
}

/* Decimal as all these formats write it: no sign, no zeros in front, exact in a double. */
function decimal(text, step) {
  need(/^(?:0|[1-9][0-9]{0,15})$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER, step, 'not a number');
  return Number(text);
}

function hash32(text, step) {
  const hash = fromBase64(text, step);
  need(hash.length === 32, step, 'not a hash');
  return hash;
}

/* ---- Ed25519: the browser's own, or the vendored one where it has none ---- */

let verifier = null;

async function makeVerifier(fallback) {
  try {
    const key = await crypto.subtle.importKey('raw', fromBase64('11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='), { name: 'Ed25519' }, false, ['verify']);
    /* RFC 8032 7.1, test 1: a browser that says yes to everything, or knows the name only, is not asked again. */
    const good = fromBase64('5VZDAMNgrHKQhuLMgG6CioSHfx645dl02HPgZSSQFVVfuIIVkKM7rMYeOXAc+bRr0lv18FlbvjJGVRQ438QRCw==');
    const bad = good.slice();
    bad[0] ^= 1;
    const empty = new Uint8Array(0);
    if (await crypto.subtle.verify('Ed25519', key, good, empty) && !(await crypto.subtle.verify('Ed25519', key, bad, empty))) {
      return async (publicKey, signature, message) => {
        const imported = await crypto.subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify']);
        return crypto.subtle.verify('Ed25519', imported, signature, message);
      };
    }
  } catch {
    /* not known here */
  }
  need(fallback, 'signature', 'this browser can not check Ed25519 signatures');
  const noble = await fallback();
  return (publicKey, signature, message) => noble.verifyAsync(signature, message, publicKey, { zip215: false });
}

/* `fallback()` imports a module with verifyAsync(), where it is needed. */
export async function useEd25519(fallback) {
  verifier = await makeVerifier(fallback);
}

async function isSigned(publicKey, signature, message) {
  if (verifier === null) {
    await useEd25519(null);
  }
  try {
    return publicKey.length === 32 && signature.length === 64 && (await verifier(publicKey, signature, message)) === true;
  } catch {
    return false;
  }
}

/* ---- Keys and notes ---- */

/* `NAME+ID+BASE64`: the id is the beginning of SHA-256(name || LF || type || key). Types: 1 a log's or operator's, 4 a witness's. */
export async function readKey(text, type, step) {
  const parts = text.split('+');
  need(parts.length >= 3, step, 'not a key');
  const [name, id] = parts;
  const raw = fromBase64(parts.slice(2).join('+'), step);
  need(name !== '' && !/[\s+]/u.test(name) && raw.length === 33 && raw[0] === type, step, 'not a key of this kind');
  const hash = await sha256(utf8.encode(name + '\n'), raw);
  need(id === toHex(hash.slice(0, 4)), step, 'the key is not the one that its name says');
  return { text, name, id: hash.slice(0, 4), key: raw.slice(1) };
}

/* A signed note's text (LF at its end), and its signature lines. */
export function readNote(note, step) {
  const split = note.lastIndexOf('\n\n');
  /* eslint-disable-next-line no-control-regex */
  need(split >= 0 && !/[\u0000-\u0009\u000b-\u001f]/.test(note), step, 'not a signed note');
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2).split('\n');
  need(lines.pop() === '' && lines.length >= 1 && lines.length <= 100, step, 'not a signed note');
  return {
    text,
    signatures: lines.map((line) => {
      const found = /^\u2014 (\S+) (\S+)$/.exec(line);
      need(found, step, 'not a signature line');
      const raw = fromBase64(found[2], step);
      need(raw.length > 4, step, 'not a signature line');
      return { name: found[1], id: raw.slice(0, 4), rest: raw.slice(4) };
    }),
  };
}

function linesOf(note, key) {
  return note.signatures.filter((one) => one.name === key.name && same(one.id, key.id));
}

/* Has this key signed? Each of its lines must be right: a wrong one refuses the note, as in signed-note. */
async function hasSigned(note, key, step) {
  const mine = linesOf(note, key);
  for (const one of mine) {
    need(await isSigned(key.key, one.rest, utf8.encode(note.text)), step, 'the signature is wrong');
  }
  return mine.length > 0;
}

/* A witness's line: the time that it saw this state, and a signature over both. 0: it has none. */
async function cosigned(note, witness, step) {
  let first = 0;
  for (const one of linesOf(note, witness.key)) {
    need(one.rest.length === 72, step, 'not a cosignature');
    const time = Number(new DataView(one.rest.buffer, one.rest.byteOffset).getBigUint64(0));
    const message = utf8.encode(`cosignature/v1\ntime ${time}\n${note.text}`);
    need(Number.isSafeInteger(time) && time > 0 && (await isSigned(witness.key.key, one.rest.slice(8), message)), step,
      "a witness's signature is wrong");
    first = first === 0 || time < first ? time : first;
  }
  return first;
}

/* ---- Whom the gateway trusts (docs/evidence.md section 2) ---- */

export async function readTrust(text, step) {
  const trust = { communities: [], witnesses: [], nodes: new Map(), quorum: null };
  for (const line of text.split('\n')) {
    const words = line.trim().split(/[ \t]+/);
    if (words[0] === '' || words[0].startsWith('#') || words[0] === 'log' || words[0] === 'timestamps') {
      continue;
    }
    if (words[0] === 'community') {
      const keys = [];
      for (const word of words.slice(3)) {
        keys.push(await readKey(word, 1, step));
      }
      need(keys.length > 0, step, 'a community without a key');
      trust.communities.push({ name: words[1], threshold: decimal(words[2], step), keys });
    } else if (words[0] === 'witness') {
      need(words.length >= 3 && !trust.nodes.has(words[1]), step, 'not a witness');
      const witness = { name: words[1], key: await readKey(words[2], 4, step), time: 0 };
      trust.witnesses.push(witness);
      trust.nodes.set(words[1], witness);
    } else if (words[0] === 'group') {
      const members = words.slice(3).map((name) => trust.nodes.get(name));
      need(words.length >= 4 && !trust.nodes.has(words[1]) && members.every((one) => one && !one.isTaken), step, 'not a group of witnesses');
      members.forEach((one) => {
        one.isTaken = true;
      });
      const threshold = words[2] === 'all' ? members.length : words[2] === 'any' ? 1 : decimal(words[2], step);
      need(threshold >= 1 && threshold <= members.length, step, 'not a group of witnesses');
      trust.nodes.set(words[1], { members, threshold });
    } else {
      need(words[0] === 'quorum' && words.length === 2 && trust.quorum === null, step, 'not a line of trust');
      need(words[1] === 'none' || trust.nodes.has(words[1]), step, 'a quorum of nobody');
      trust.quorum = words[1];
    }
  }
  need(trust.quorum !== null, step, 'nothing says which witnesses are enough');
  return trust;
}

function isMet(node) {
  return node.members ? node.members.filter(isMet).length >= node.threshold : node.time > 0;
}

/* ---- Trees and receipts ---- */

/* RFC 9162 2.1.3.2: the root that a path leads to. Numbers up to 2^53: no shifts of 32 bits. */
export async function pathRoot(index, size, leaf, path, step) {
  need(index < size, step, 'outside the log');
  let fn = index, sn = size - 1, root = leaf;
  const half = (n) => Math.floor(n / 2);
  for (const hash of path) {
    need(sn !== 0, step, 'the path is too long');
    if (fn % 2 === 1 || fn === sn) {
      root = await sha256([1], hash, root);
      while (fn !== 0 && fn % 2 === 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      root = await sha256([1], root, hash);
    }
    fn = half(fn);
    sn = half(sn);
  }
  need(sn === 0, step, 'the path is too short');
  return root;
}

export function readReceipt(text, step) {
  need(text.length <= 16384, step, 'the receipt is too long');
  const empty = text.indexOf('\n\n');
  need(empty > 0, step, 'not a receipt');
  const [first, extra, index, ...path] = text.slice(0, empty).split('\n');
  need(first === 'c2sp.org/tlog-proof@v1' && extra?.startsWith('extra ') && index?.startsWith('index ') && path.length <= 48, step, 'not a receipt');
  return {
    extra: hash32(extra.slice(6), step),
    index: decimal(index.slice(6), step),
    path: path.map((line) => hash32(line, step)),
    note: text.slice(empty + 2),
  };
}

/* Three lines: the log's name, its size, its root. */
export function readCheckpoint(note, origin, step) {
  const lines = note.text.split('\n');
  need(lines.length === 4 && lines[3] === '' && lines[0] === origin, step, 'not a state of this log');
  return { size: decimal(lines[1], step), root: hash32(lines[2], step) };
}

/* ---- One entry ---- */

/*
 * Each step of one entry is told to `tell(step, facts)` when it is right; the first that is wrong throws Refused. `entry`: { entry, statement (absent: it was
 * erased), receipt }. Returns { leaf, time of the quorum, .. }.
 */
async function checkEntry(entry, log, trust, tell) {
  let receipt, commitment;
  {
    const step = 'open';
    receipt = readReceipt(entry.receipt, step);
    need(receipt.index === entry.entry, step, 'the receipt is of another entry');
    commitment = entry.statement === undefined ? receipt.extra : await sha256(receipt.extra, utf8.encode(entry.statement));
    tell(step, { fingerprint: toHex(commitment), entry: entry.entry });
  }
  const note = readNote(receipt.note, 'signature');
  const checkpoint = readCheckpoint(note, log.name, 'signature');
  const leaf = await sha256([0], commitment);
  const root = await pathRoot(receipt.index, checkpoint.size, leaf, receipt.path, 'place');
  need(same(root, checkpoint.root), 'place', 'the log has something else in this place');
  tell('place', { size: checkpoint.size, root: toHex(checkpoint.root), entry: entry.entry });
  need(await hasSigned(note, log, 'signature'), 'signature', "the log's own key has not signed");
  tell('signature', { key: log.text, log: log.name });
  const seen = [];
  for (const witness of trust.witnesses) {
    witness.time = await cosigned(note, witness, 'witnesses');
    if (witness.time > 0) {
      seen.push({ name: witness.key.name, time: witness.time });
    }
  }
  const isNone = trust.quorum === 'none';
  need(isNone || isMet(trust.nodes.get(trust.quorum)), 'witnesses', 'too few witnesses have seen this state of the log');
  tell('witnesses', { seen, needed: !isNone, known: trust.witnesses.length });
  return { leaf, index: receipt.index };
}

/* The lines of an event, `name: value`. */
export function eventLines(statement) {
  const lines = statement.split('\n');
  need(lines.pop() === '', 'says', 'not an event');
  return lines.map((line) => {
    const at = line.indexOf(': ');
    need(at > 0, 'says', 'not an event');
    return [line.slice(0, at), line.slice(at + 2)];
  });
}

/* Only control characters are escaped, and what would read as such an escape (src/consent/event_text.h). */
function plain(value) {
  return value.replace(/%([01][0-9A-F]|7F|25)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

function valuesOf(lines, name) {
  return lines.filter((line) => line[0] === name).map((line) => plain(line[1]));
}

/* What the page showed must be what the record says. `shown`: { person, client, service, purpose, verdict, exchange }, of which those that are empty are not compared. */
function compareShown(lines, shown) {
  for (const [name, value] of Object.entries(shown)) {
    if (value) {
      need(valuesOf(lines, name).includes(value), 'says', `the record says something else: ${name}`);
    }
  }
}

/* ---- A use: what /v1/uses/{entry}/evidence answers ---- */

export async function checkUse(evidence, shown, tell = () => {}) {
  const log = await readKey(String(evidence.log), 1, 'signature');
  const trust = await readTrust(String(evidence.trust), 'witnesses');
  const list = evidence.entries;
  need(Array.isArray(list) && list.length >= 1 && list.length <= 2, 'open', 'nothing to check');
  const [first, answer] = list;
  need((first.name === 'decision') !== (first.name === 'event') && first.entry === shown.entry, 'open', 'this is another entry');
  await checkEntry(first, log, trust, (step, facts) => tell(`${first.name}.${step}`, facts));
  const lines = eventLines(first.statement);
  compareShown(lines, shown.says ?? {});
  tell(`${first.name}.says`, { lines });
  if (answer !== undefined) {
    need(answer.name === 'answer' && first.name === 'decision' && answer.entry > first.entry, 'open', 'the answer stands before the question');
    await checkEntry(answer, log, trust, (step, facts) => tell(`answer.${step}`, facts));
    const digest = toBase64(await sha256(utf8.encode(first.statement)));
    need(answer.statement.includes(`\n"comity-decision": sha-256=:${digest}:\n`), 'belongs', 'the answer is to something else');
    for (const [name, list] of Object.entries(shown.left ?? {})) {
      const line = new RegExp(`^"comity-${name}": (.*)$`, 'm').exec(answer.statement);
      const said = line === null || line[1] === '' ? [] : line[1].split(', ').map((one) => one.split(';')[0]);
      need(said.length === list.length && said.every((one) => list.includes(one)), 'belongs', 'the answer let something else leave');
    }
    tell('answer.belongs', {});
  }
  need((answer === undefined) === !shown.isAnswered, 'open', 'the answer is missing');
  return { log: log.name, entries: list.length };
}

/* ---- P-256 and ECVRF-P256-SHA256-TAI (RFC 9381): only public numbers, so no care about time ---- */

const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const Q = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const G = [0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n];

function modulo(number) {
  const rest = number % P;
  return rest < 0n ? rest + P : rest;
}

function power(base, exponent) {
  let result = 1n, square = modulo(base);
  for (let bits = exponent; bits > 0n; bits >>= 1n) {
    result = bits & 1n ? (result * square) % P : result;
    square = (square * square) % P;
  }
  return result;
}

function inverse(number) {
  let [a, b, x, y] = [modulo(number), P, 1n, 0n];
  while (a > 1n) {
    const times = b / a;
    [a, b, x, y] = [b - times * a, a, y - times * x, x];
  }
  return modulo(x);
}

/* null is the neutral one. */
function add(a, b) {
  if (a === null || b === null) {
    return a ?? b;
  }
  if (a[0] === b[0] && modulo(a[1] + b[1]) === 0n) {
    return null;
  }
  const isSame = a[0] === b[0];
  const slope = modulo(isSame ? (3n * a[0] * a[0] - 3n) * inverse(2n * a[1]) : (b[1] - a[1]) * inverse(b[0] - a[0]));
  const x = modulo(slope * slope - a[0] - b[0]);
  return [x, modulo(slope * (a[0] - x) - a[1])];
}

function multiply(times, point) {
  let result = null;
  for (let bits = times; bits > 0n; bits >>= 1n) {
    result = bits & 1n ? add(result, point) : result;
    point = add(point, point);
  }
  return result;
}

function toNumber(bytes) {
  return bytes.length === 0 ? 0n : BigInt('0x' + toHex(bytes));
}

function encodePoint(point) {
  const hex = point[0].toString(16).padStart(64, '0');
  return Uint8Array.from([2 + Number(point[1] & 1n), ...hex.match(/../g).map((two) => parseInt(two, 16))]);
}

function decodePoint(bytes) {
  const x = toNumber(bytes.slice(1));
  if (bytes.length !== 33 || (bytes[0] !== 2 && bytes[0] !== 3) || x >= P) {
    return null;
  }
  const square = modulo(x * x * x - 3n * x + B);
  const y = power(square, (P + 1n) / 4n);
  if ((y * y) % P !== square) {
    return null;
  }
  return [x, Number(y & 1n) === bytes[0] - 2 ? y : P - y];
}

/* The place that a proof shows for a text under a key; throws when it shows none. */
export async function vrfPlace(publicKey, text, proof) {
  const step = 'person';
  const key = decodePoint(publicKey), gamma = decodePoint(proof.slice(0, 33));
  const challenge = toNumber(proof.slice(33, 49)), scalar = toNumber(proof.slice(49));
  need(proof.length === 81 && key !== null && gamma !== null && scalar < Q, step, 'the proof of the place is wrong');
  let point = null;
  for (let i = 0; point === null && i < 256; i++) {
    point = decodePoint(join([2], await sha256([1, 1], publicKey, text, [i, 0])));
  }
  need(point !== null, step, 'the proof of the place is wrong');
  const u = add(multiply(scalar, G), multiply(Q - challenge, key));
  const v = add(multiply(scalar, point), multiply(Q - challenge, gamma));
  need(u !== null && v !== null, step, 'the proof of the place is wrong');
  const again = await sha256([1, 2], publicKey, encodePoint(point), encodePoint(gamma), encodePoint(u), encodePoint(v), [0]);
  need(same(again.slice(0, 16), proof.slice(33, 49)), step, 'the proof of the place is wrong');
  return sha256([1, 3], encodePoint(gamma), [0]);
}

/* ---- The whole list: what /v1/uses/proof answers (docs/evidence-uses.md section 4) ---- */

/* The log's key stands in the directory in the file, which enough operators of its community (by the trust) have signed. False: none is there. */
async function isInDirectory(file, log, trust) {
  if (file.directory === undefined) {
    return false;
  }
  const note = readNote(file.directory, 'directory');
  const code = log.name.split('/')[0];
  const community = trust.communities.find((one) => one.name === code);
  need(community, 'directory', 'no operator of this community is known');
  let count = 0;
  for (const key of community.keys) {
    count += (await hasSigned(note, key, 'directory')) ? 1 : 0;
  }
  need(count >= community.threshold, 'directory', "too few of the community's operators have signed its directory");
  const text = JSON.parse(note.text);
  need(encodeURIComponent(text.community) === code, 'directory', 'it is the directory of another community');
  const isNamed = text.members.some((member) => (member.gateways ?? []).some((gateway) => gateway.statement_key === log.text));
  need(isNamed, 'directory', "the directory does not name the log's key");
  return true;
}

export async function checkList(file, shown, trustText, tell = () => {}) {
  const trust = await readTrust(trustText, 'witnesses');
  const log = await readKey(String(file.log), 1, 'signature');
  need(file.comity_uses === 1 && file.person === shown.person && Array.isArray(file.uses) && Array.isArray(file.path) && file.path.length === 64, 'list',
    'this is not your list');
  if (await isInDirectory(file, log, trust)) {
    tell('directory', { key: log.text, community: log.name.split('/')[0] });
  }
  let rootFacts = {};
  need(typeof file.root.statement === 'string', 'root', 'the root is not shown');
  const rootEntry = await checkEntry(file.root, log, trust, (step, facts) => {
    rootFacts = { ...rootFacts, ...facts };
  });
  const root = new Map(eventLines(file.root.statement));
  const from = decimal(root.get('from') ?? '', 'root'), covers = decimal(root.get('covers') ?? '', 'root');
  need(root.get('comity-event') === 'uses-root/1' && from <= covers && covers <= rootEntry.index, 'root', 'this entry is no root');
  tell('root', { ...rootFacts, from, covers, time: decimal(root.get('time') ?? '', 'root') });
  let chain = new Uint8Array(32), last = from - 1, hidden = 0;
  const kinds = ['comity-event: decision/1', 'comity-event: consent/1', 'comity-event: person/1', 'comity-event: access/1'];
  const ownWord = { witnesses: [], nodes: new Map(), quorum: 'none' }; /* the root is what the witnesses must have seen */
  for (const use of file.uses) {
    const { leaf, index } = await checkEntry(use, log, ownWord, () => {});
    need(index > last && index < covers, 'entries', 'an entry is out of its order');
    if (use.statement === undefined) {
      hidden++;
    } else {
      need(kinds.includes(use.statement.split('\n', 1)[0]) && valuesOf(eventLines(use.statement), 'person').includes(file.person), 'entries',
        'an entry is not about you');
    }
    if (use.answer !== undefined) {
      const digest = use.statement === undefined ? '' : toBase64(await sha256(utf8.encode(use.statement)));
      const answered = await checkEntry(use.answer, log, ownWord, () => {});
      const isOf = use.answer.statement === undefined || use.statement === undefined ||
        use.answer.statement.includes(`\n"comity-decision": sha-256=:${digest}:\n`);
      need(answered.index > index && isOf, 'entries', 'an answer belongs to something else');
    }
    chain = await sha256([7], chain, bigEndian64(index), leaf);
    last = index;
  }
  tell('entries', { count: file.uses.length, hidden });
  const place = await vrfPlace(fromBase64(root.get('vrf') ?? '', 'person'), utf8.encode(file.person), fromBase64(file.vrf_proof, 'person'));
  tell('person', {});
  let found = await sha256([6], place, hash32(file.salt, 'complete'), bigEndian64(file.uses.length), chain);
  const bits = new DataView(place.buffer).getBigUint64(0);
  for (let i = 0; i < 64; i++) {
    const sibling = hash32(file.path[i], 'complete');
    found = (bits >> BigInt(i)) & 1n ? await sha256([5], sibling, found) : await sha256([5], found, sibling);
  }
  need(root.get('root') === `sha-256=:${toBase64(found)}:`, 'complete', 'entries are missing, or too many');
  const missing = (shown.entries ?? []).filter((entry) => entry < covers && !file.uses.some((use) => use.entry === entry));
  need(missing.length === 0, 'complete', 'the page shows an entry that is not in the list');
  tell('complete', { count: file.uses.length, covers });
  return { count: file.uses.length, covers, hidden, witnesses: (rootFacts.seen ?? []).length };
}

/* ---- In a page: what is checked is said in the page's own words, step by step ---- */

const RIGHT = 'right', WRONG = 'wrong', OPEN = 'open';

/* The page's text with its %names% filled in. */
function fill(text, facts) {
  return text.replace(/%([a-z]+)%/g, (all, name) => (facts[name] === undefined ? all : String(facts[name])));
}

function mark(section, step, state, facts = {}) {
  const row = section.querySelector(`[data-step="${step}"]`);
  if (!row) {
    return;
  }
  row.className = state;
  const word = row.querySelector('.state');
  word.textContent = section.dataset[state] ?? '';
  const said = row.querySelector('.facts');
  if (said) {
    const name = facts.kind ?? 'text';
    said.textContent = state === OPEN ? '' : fill(said.dataset[name] ?? '', facts);
  }
}

function day(seconds) {
  return new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'long', timeStyle: 'short' }).format(seconds * 1000);
}

/* How many, and who, in the reader's language; or that nobody watches. */
function sayWitnesses(facts) {
  const names = facts.seen.map((one) => `${one.name} (${day(one.time)})`).join(', ');
  return facts.seen.length > 0 ? { kind: 'text', count: facts.seen.length, names } : { kind: 'none' };
}

function sayFacts(step, facts) {
  const last = step.split('.').pop();
  if (last === 'witnesses') {
    return sayWitnesses(facts);
  }
  if (step === 'root') {
    return { ...facts, ...sayWitnesses(facts), time: day(facts.time / 1000) };
  }
  return facts;
}

function conclude(section, state, text) {
  const result = section.querySelector('.result');
  result.className = `result notice ${state === RIGHT ? 'good' : state === WRONG ? 'bad' : 'warn'}`;
  result.hidden = false;
  result.textContent = text;
  result.focus();
}

/* What came is JSON, or it is too early: what was logged just now is published within a second or two. */
async function getJson(url) {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(url, { headers: { Accept: 'application/json' }, cache: 'no-store' });
    if (answer.status !== 503 || tries === 5) {
      return answer.ok ? answer.json() : Promise.reject(new TypeError(`status ${answer.status}`));
    }
    await new Promise((done) => {
      setTimeout(done, 1000);
    });
  }
}

async function getText(url) {
  const answer = await fetch(url, { cache: 'no-store' });
  return answer.ok ? answer.text() : Promise.reject(new TypeError(`status ${answer.status}`));
}

async function run(section, work) {
  const button = section.querySelector('button');
  button.disabled = true;
  for (const row of section.querySelectorAll('[data-step]')) {
    mark(section, row.dataset.step, OPEN);
  }
  section.querySelector('.steps').hidden = false;
  const done = [];
  try {
    if (!globalThis.crypto?.subtle) {
      conclude(section, OPEN, section.dataset.unable);
      return;
    }
    await useEd25519(() => import(section.dataset.ed25519));
    const made = await work((step, facts) => {
      done.push(step);
      mark(section, step, RIGHT, sayFacts(step, facts));
    });
    conclude(section, RIGHT, fill(section.dataset.good, made));
  } catch (error) {
    if (error instanceof Refused) {
      const row = [...section.querySelectorAll('[data-step]')].find((one) => one.className === OPEN && one.dataset.step.endsWith(error.step));
      if (row) {
        mark(section, row.dataset.step, WRONG);
      }
      conclude(section, WRONG, `${section.dataset.bad} (${error.step}: ${error.message})`);
    } else {
      conclude(section, OPEN, section.dataset.later);
    }
  } finally {
    button.disabled = false;
  }
}

/* Of this tab only: up to which entry its own check found the list complete. No name is kept. */
async function listName(person) {
  return `complete-${toHex((await sha256(utf8.encode(person))).slice(0, 8))}`;
}

async function checkUsePage(section) {
  const shown = JSON.parse(section.dataset.shown);
  await run(section, async (tell) => checkUse(await getJson(section.dataset.evidence), shown, tell));
}

async function checkListPage(section) {
  const shown = JSON.parse(section.dataset.shown);
  await run(section, async (tell) => {
    const trust = await getText(section.dataset.trust);
    const made = await checkList(await getJson(section.dataset.proof), shown, trust, tell);
    try {
      sessionStorage.setItem(await listName(shown.person), JSON.stringify({ covers: made.covers, at: Date.now() }));
    } catch {
      /* not allowed here: the badge then says what it said before */
    }
    return made;
  });
}

/* On the list: did this tab check it, as far as it is shown? */
async function showBadge(badge) {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(await listName(badge.dataset.person)));
  } catch {
    /* nothing that we wrote */
  }
  if (kept && Number(badge.dataset.newest || '-1') < kept.covers) {
    badge.className = 'badge good';
    badge.textContent = fill(badge.dataset.checked, { time: day(kept.at / 1000) });
  }
}

function begin() {
  for (const section of document.querySelectorAll('section[data-evidence], section[data-proof]')) {
    const button = section.querySelector('button');
    button.hidden = false;
    button.onclick = () => (section.dataset.evidence ? checkUsePage(section) : checkListPage(section));
  }
  const badge = document.querySelector('[data-newest]');
  if (badge && globalThis.crypto?.subtle) {
    showBadge(badge);
  }
}

if (typeof document !== 'undefined') {
  document.addEventListener('comity:page', begin);
  begin();
}

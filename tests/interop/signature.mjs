// An RFC 9421 library from npm, which knows nothing of Comity, in the place of our own: it makes the signature base and picks the headers
// apart; only what the algorithm tlog-ed25519 adds (docs/formats/exchange.md) is written here, with node's own cryptography.
//
//   node signature.mjs <JOB     JOB is JSON:
//   {"do": "verify", "vkey": V, "request": R, "response": S}              S only for an answer
//   {"do": "sign", "seed": BASE64, "origin": O, "request": R, "response": S, "fields": [...], "nonce": N, "created": SECONDS}
//   {"do": "plain", "vkey": V, "request": R, "response": S}              the signature by itself, ed25519, by the library alone
//   R: {"method", "url", "headers": {name: value or [values]}}; S: {"status", "headers"}
//
// verify and plain print {"base": BASE64} or ends with 1; sign prints {"signature-input", "signature"}.
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import httpSignatures from 'http-message-signatures'

const { createVerifier, httpbis } = httpSignatures
const ALGORITHM = 'tlog-ed25519'
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const leafHash = entry => sha256(Buffer.from([0]), entry)
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right)
const keyId = (name, key) => sha256(`${name}\n`, Buffer.from([1]), key).subarray(0, 4)

function fail (why) {
  throw new Error(why)
}

function readVkey (text) {
  const [name, id, ...rest] = text.split('+')
  const raw = Buffer.from(rest.join('+'), 'base64')
  if (raw.length !== 33 || raw[0] !== 1 || keyId(name, raw.subarray(1)).toString('hex') !== id) fail('not an Ed25519 vkey')
  // SubjectPublicKeyInfo of RFC 8410 around the raw key.
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw.subarray(1)])
  return { name, raw: raw.subarray(1), key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

// The text of a note, if the key has signed it.
function openNote (note, vkey) {
  const at = note.lastIndexOf('\n\n')
  const text = note.slice(0, at + 1)
  for (const line of note.slice(at + 2).split('\n').filter(Boolean)) {
    const [dash, name, encoded] = line.split(' ')
    const raw = Buffer.from(encoded, 'base64')
    if (dash === '\u2014' && name === vkey.name && raw.subarray(0, 4).equals(keyId(vkey.name, vkey.raw))) {
      return verify(null, Buffer.from(text), vkey.key, raw.subarray(4)) ? text : fail('the checkpoint is signed wrongly')
    }
  }
  return fail('the log has not signed the checkpoint')
}

// Is SHA-256(salt || base) the entry that the tlog-proof proves?
function verifyProof (base, proof, vkey) {
  const text = proof.toString()
  const at = text.indexOf('\n\n')
  const [first, extra, index, ...path] = text.slice(0, at).split('\n')
  if (first !== 'c2sp.org/tlog-proof@v1' || !extra.startsWith('extra ') || !index.startsWith('index ')) fail('not a tlog-proof with a salt')
  const [origin, size, root] = openNote(text.slice(at + 2), vkey).split('\n')
  if (origin !== vkey.name) fail('the origin is not the name of the key')
  let hash = leafHash(sha256(Buffer.from(extra.slice(6), 'base64'), base))
  let fn = BigInt(index.slice(6))
  let sn = BigInt(size) - 1n
  for (const line of path) {
    const step = Buffer.from(line, 'base64')
    if (sn === 0n) fail('the path is too long')
    if (fn & 1n || fn === sn) {
      hash = nodeHash(step, hash)
      while (fn && !(fn & 1n)) {
        fn >>= 1n
        sn >>= 1n
      }
    } else {
      hash = nodeHash(hash, step)
    }
    fn >>= 1n
    sn >>= 1n
  }
  return sn === 0n && hash.equals(Buffer.from(root, 'base64'))
}

// A log of its own with one entry, and the proof of it.
function makeProof (base, seed, name) {
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(12)
  const salt = randomBytes(32)
  const text = `${name}\n1\n${leafHash(sha256(salt, base)).toString('base64')}\n`
  const line = Buffer.concat([keyId(name, raw), sign(null, Buffer.from(text), key)]).toString('base64')
  return Buffer.from(`c2sp.org/tlog-proof@v1\nextra ${salt.toString('base64')}\nindex 0\n\n${text}\n\u2014 ${name} ${line}\n`)
}

// What the library derives from a parsed URL is normalised (dot segments, escapes); ours are the bytes of the wire.
function rawComponents (name, parameters, message, request) {
  const context = parameters.has('req') ? request : message
  const raw = context.raw ?? {}
  return raw[name] === undefined ? null : [raw[name]]
}

const job = JSON.parse(readFileSync(0, 'utf8'))
const message = job.response ?? job.request
const bound = job.response ? job.request : undefined

if (job.do === 'verify') {
  const vkey = readVkey(job.vkey)
  let base
  const found = await httpbis.verifyMessage({
    requiredParams: ['created', 'nonce', 'keyid', 'alg', 'tag'],
    tolerance: 60,
    componentParser: rawComponents,
    keyLookup: async parameters => parameters.keyid === vkey.name
      ? { id: vkey.name, algs: [ALGORITHM], verify: async (data, signature) => { base = data; return verifyProof(data, signature, vkey) } }
      : null
  }, message, bound)
  if (found !== true) fail(`the signature does not hold: ${found}`)
  console.log(JSON.stringify({ base: base.toString('base64') }))
} else if (job.do === 'plain') {
  const vkey = readVkey(job.vkey)
  const check = createVerifier(vkey.key, 'ed25519')
  let base
  const found = await httpbis.verifyMessage({
    requiredParams: ['created', 'nonce', 'keyid', 'alg', 'tag'],
    requiredFields: ['content-digest', job.response ? '@status' : '@method'],
    tolerance: 60,
    componentParser: rawComponents,
    keyLookup: async parameters => parameters.keyid === vkey.name
      ? { id: vkey.name, algs: ['ed25519'], verify: async (data, signature, params) => { base = data; return check(data, signature, params) } }
      : null
  }, message, bound)
  if (found !== true) fail(`the signature does not hold: ${found}`)
  console.log(JSON.stringify({ base: base.toString('base64') }))
} else if (job.do === 'sign') {
  const seed = Buffer.from(job.seed, 'base64')
  const made = await httpbis.signMessage({
    name: 'comity',
    key: { id: job.origin, alg: ALGORITHM, sign: async base => makeProof(base, seed, job.origin) },
    fields: job.fields,
    params: ['created', 'nonce', 'keyid', 'alg', 'tag'],
    paramValues: { created: new Date(job.created * 1000), nonce: job.nonce, tag: job.response ? 'comity-answer/1' : 'comity-request/1' },
    componentParser: rawComponents
  }, message, bound)
  console.log(JSON.stringify({ 'signature-input': made.headers['Signature-Input'], signature: made.headers.Signature }))
} else {
  fail(`unknown job ${job.do}`)
}

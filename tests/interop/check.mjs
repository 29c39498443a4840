// Runs the page's own check (src/portal/static/check.js) on what a test hands in by standard input, and on it with every bit bent.
//
//   { "fallback": use the vendored Ed25519?, "uses": [{evidence, shown}], "lists": [{file, shown, trust}], "bend": [{evidence, shown, whole}], "bendList": .., "places": [[key, text, proof]] }
import { webcrypto } from 'node:crypto';
import * as check from '../../src/portal/static/check.js';
import * as noble from '../../src/portal/vendor/noble-ed25519.js';

globalThis.crypto ??= webcrypto; // node 18 has it elsewhere than browsers
const job = JSON.parse(await new Response(process.stdin).text());
if (job.fallback) {
  const importKey = crypto.subtle.importKey.bind(crypto.subtle);
  crypto.subtle.importKey = async (format, data, algorithm, ...rest) => {
    if (algorithm.name === 'Ed25519') {
      throw new Error('not here');
    }
    return importKey(format, data, algorithm, ...rest);
  };
}
await check.useEd25519(async () => noble);

async function tried(run) {
  const steps = [];
  try {
    const made = await run((step, facts) => steps.push([step, facts]));
    return { ok: true, made, steps };
  } catch (error) {
    if (!(error instanceof check.Refused)) {
      return { ok: false, step: 'thrown', why: String(error), steps };
    }
    return { ok: false, step: error.step, why: error.message, steps };
  }
}

// The text with one bit of one character bent, or (`bits` has them all) a character left out; of each character, or of every `step`th.
function* bent(text, bits, step) {
  for (let i = 0; i < text.length; i += step) {
    for (const bit of bits) {
      yield text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ (1 << bit)) + text.slice(i + 1);
    }
    if (bits.length > 1) {
      yield text.slice(0, i) + text.slice(i + 1);
    }
  }
}

function at(value, path) {
  return path.reduce((inner, key) => inner[key], value);
}

async function bendUse({ evidence, shown, paths, bits, step }) {
  let count = 0;
  const passed = [];
  for (const path of paths) {
    const original = at(evidence, path);
    for (const text of bent(original, bits, step)) {
      const copy = structuredClone(evidence);
      at(copy, path.slice(0, -1))[path.at(-1)] = text;
      const told = await tried((tell) => check.checkUse(copy, shown, tell));
      count++;
      if (told.ok) {
        passed.push([path.join('.'), text]);
      }
    }
  }
  return { count, passed: passed.slice(0, 5) };
}

const answer = { uses: [], lists: [], bends: [], places: [] };
for (const { evidence, shown } of job.uses ?? []) {
  answer.uses.push(await tried((tell) => check.checkUse(evidence, shown, tell)));
}
for (const { file, shown, trust } of job.lists ?? []) {
  answer.lists.push(await tried((tell) => check.checkList(JSON.parse(file), shown, trust, tell)));
}
for (const one of job.bends ?? []) {
  answer.bends.push(await bendUse(one));
}
for (const [key, text, proof] of job.places ?? []) {
  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (two) => parseInt(two, 16));
  answer.places.push(await check.vrfPlace(bytes(key), bytes(text), bytes(proof)).then(check.toHex, () => null));
}
console.log(JSON.stringify(answer));

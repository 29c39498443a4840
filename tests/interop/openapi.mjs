/*
 * The API's OpenAPI document under a linter from npm, and the running API against its document.
 *
 *   node openapi.mjs lint DOCUMENT               problems as JSON: [{ruleId, message, where}]
 *   node openapi.mjs contract DOCUMENT PLAN      PLAN: {base, callers: {name: headers}, values: {parameter: [..]}, rounds, seed}
 *
 * `contract` sends to every operation, as every caller, what the document allows and what it forbids, made by json-schema-faker, and holds each
 * answer against what the document says of it by ajv. It prints {calls, statuses, wrong: [..]}.
 */
import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import jsf from 'json-schema-faker';

async function lint(path) {
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      // GovStack's own specification has paths like .../record/data-agreement/{id} beside .../record/consent-record.
      'no-ambiguous-paths': 'off',
      // The document is served by the gateway itself; where that stands only its operator knows.
      'no-server-example.com': 'off', 'no-empty-servers': 'error', 'operation-4xx-response': 'error', 'security-defined': 'error',
      'operation-operationId-unique': 'error', 'no-unused-components': 'error', 'operation-description': 'off', 'tag-description': 'off',
    },
  });
  const found = await lintFromString({ source: readFileSync(path, 'utf8'), absoluteRef: path, config });
  return found.map(({ ruleId, message, location, severity }) => ({ ruleId, severity, message, where: location?.[0]?.pointer ?? '' }));
}

/* A small generator of our own: the same seed is the same run (mulberry32). */
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Contract {
  constructor(document, plan) {
    this.document = document;
    this.plan = plan;
    this.random = randomFrom(plan.seed);
    this.ajv = new Ajv({ strict: false, allErrors: false });
    formats(this.ajv);
    this.ajv.addSchema({ $id: 'document', ...document });
    this.checks = new Map();
    this.statuses = {};
    this.wrong = [];
    this.calls = 0;
    jsf.option({ random: this.random, alwaysFakeOptionals: false, optionalsProbability: 0.5, useExamplesValue: false, failOnInvalidFormat: false, maxItems: 3, maxLength: 200 });
    jsf.format('date-time', () => '2027-03-01T00:00:00Z');
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  check(pointer) {
    if (!this.checks.has(pointer)) {
      this.checks.set(pointer, this.ajv.compile({ $ref: `document#${pointer}` }));
    }
    return this.checks.get(pointer);
  }

  /** A schema with its references filled in: the faker wants it whole. */
  whole(schema, depth = 0) {
    if (Array.isArray(schema)) {
      return schema.map((item) => this.whole(item, depth));
    }
    if (schema === null || typeof schema !== 'object') {
      return schema;
    }
    if (schema.$ref && depth < 12) {
      return this.whole(this.document.components.schemas[schema.$ref.split('/').pop()], depth + 1);
    }
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, this.whole(value, depth)]));
  }

  /** Something that is not what the schema asks for. */
  mutate(value) {
    const junk = [null, 0, -1, 1e300, '', 'x'.repeat(100000), '\u0001', '\ud800', [], {}, true, '../../etc/passwd', "' OR 1=1 --", '\u202e'];
    if (value === null || typeof value !== 'object' || this.random() < 0.2) {
      return this.pick(junk);
    }
    const copy = structuredClone(value);
    const keys = Object.keys(copy);
    const how = this.random();
    if (keys.length === 0 || how < 0.25) {
      copy[this.pick(['__proto__x', 'isAdmin', 'owner', 'id', 'revision', 'x'])] = this.pick(junk);
    } else if (how < 0.5) {
      delete copy[this.pick(keys)];
    } else {
      const key = this.pick(keys);
      copy[key] = this.mutate(copy[key]);
    }
    return copy;
  }

  parameter(parameter) {
    const known = this.plan.values[parameter.name];
    if (known?.length && this.random() < 0.8) {
      return this.pick(known);
    }
    return this.pick(['1', '0', '-1', 'x', '999999999999999999999', 'none', 'a b', '%', '\u00e9', '../x', 'x'.repeat(600), '\u0000', '*']);
  }

  isStream(operation) {
    return Boolean(operation.responses['200']?.content?.['text/event-stream']);
  }

  request(path, method, operation) {
    const query = new URLSearchParams();
    let target = path;
    const headers = {};
    for (const given of operation.parameters ?? []) {
      const parameter = given.$ref ? this.document.components.parameters[given.$ref.split('/').pop()] : given;
      if (parameter.in === 'path') {
        target = target.replace(`{${parameter.name}}`, encodeURIComponent(this.parameter(parameter).slice(0, 700) || 'x'));
      } else if (parameter.in === 'query' && (parameter.required || this.random() < 0.2)) {
        query.append(parameter.name, this.parameter(parameter));
      } else if (parameter.in === 'header' && parameter.name !== 'Idempotency-Key' && this.random() < 0.3) {
        headers[parameter.name] = this.parameter(parameter).replace(/[^\x21-\x7e]/g, '_');
      }
    }
    let body;
    const schema = operation.requestBody?.content['application/json'].schema;
    if (schema) {
      let value = jsf.generate(this.whole(schema));
      for (let i = Math.floor(this.random() * 3); i > 0; i--) {
        value = this.mutate(value);
      }
      body = JSON.stringify(value);
      headers['Content-Type'] = 'application/json';
      if (this.random() < 0.05) {
        body = this.pick(['', '{', '[]', 'null', '"x"', body + body, body.slice(0, -1)]);
      }
    }
    if (this.isStream(operation)) {
      query.set('events', '1'); // else it does not end
    }
    const text = query.toString();
    return { url: this.plan.base + target + (text ? `?${text}` : ''), method: method.toUpperCase(), headers, body };
  }

  async answer(path, method, operation, caller) {
    const request = this.request(path, method, operation);
    const answer = await fetch(request.url, { ...request, headers: { ...request.headers, ...this.plan.callers[caller] } });
    const text = await answer.text();
    const status = String(answer.status);
    this.calls++;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    const complain = (what) => this.wrong.push({ what, caller, request: { ...request, body: request.body?.slice(0, 500) }, status, text: text.slice(0, 500) });
    const said = [status, `${status[0]}XX`].find((name) => operation.responses[name]);
    if (!said) {
      return complain('a status that the document does not have');
    }
    if (answer.status >= 500 && answer.status !== 503) {
      return complain('the server is broken');
    }
    const reference = operation.responses[said].$ref;
    const where = reference ? reference.slice(1) : `/paths/${path.replaceAll('~', '~0').replaceAll('/', '~1')}/${method}/responses/${said}`;
    const described = reference ? this.document.components.responses[reference.split('/').pop()] : operation.responses[said];
    const type = (answer.headers.get('content-type') ?? '').split(';')[0];
    if (!described.content) {
      return text === '' || answer.headers.get('content-disposition') ? undefined : complain('a body that the document does not have');
    }
    if (!described.content[type]) {
      return complain(`a media type that the document does not have: ${type}`);
    }
    const validate = this.check(`${where}/content/${type.replaceAll('/', '~1')}/schema`.replaceAll('{', '%7B').replaceAll('}', '%7D'));
    if (type === 'text/event-stream') {
      const data = text.match(/^event: figures\ndata: (.*)$/m);
      const figures = this.check('/components/schemas/Figures');
      return data && figures(JSON.parse(data[1])) ? undefined : complain(`no event with figures: ${JSON.stringify(figures.errors?.slice(0, 2))}`);
    }
    const value = JSON.parse(text);
    if (!validate(value)) {
      return complain(`not by its schema: ${JSON.stringify(validate.errors.slice(0, 2))}`);
    }
    if (answer.status < 300) {
      this.learn(value);
    }
    return undefined;
  }

  /** Ids that came are used by later requests. */
  learn(value) {
    for (const [name, parameter] of [['policy', 'policyId'], ['dataAgreement', 'dataAgreementId'], ['individual', 'individualId'], ['webhook', 'webhookId'],
      ['consentRecord', 'consentRecordId'], ['revision', 'revisionId']]) {
      const id = value[name]?.id;
      if (typeof id === 'string') {
        (this.plan.values[parameter] ??= []).push(id);
        if (name === 'individual') {
          (this.plan.values['X-ConsentBB-IndividualId'] ??= []).push(id);
        }
      }
    }
  }

  async run() {
    for (let round = 0; round < this.plan.rounds; round++) {
      for (const [path, operations] of Object.entries(this.document.paths)) {
        for (const [method, operation] of Object.entries(operations)) {
          for (const caller of Object.keys(this.plan.callers)) {
            await this.answer(path, method, operation, caller);
          }
        }
      }
    }
    return { calls: this.calls, statuses: this.statuses, wrong: this.wrong };
  }
}

const [verb, path, plan] = process.argv.slice(2);
if (verb === 'lint') {
  console.log(JSON.stringify(await lint(path)));
} else if (verb === 'contract') {
  console.log(JSON.stringify(await new Contract(JSON.parse(readFileSync(path, 'utf8')), JSON.parse(readFileSync(plan, 'utf8'))).run()));
} else {
  console.error('usage: node openapi.mjs lint DOCUMENT | contract DOCUMENT PLAN');
  process.exit(2);
}

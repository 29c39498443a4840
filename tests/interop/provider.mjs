/*
 * A real OpenID provider (npm's oidc-provider), for tests: node provider.mjs PORT AUDIENCE KID ALG
 *
 * It signs access tokens for AUDIENCE (RFC 8707 resource indicators, RFC 9068 JWTs) with a fresh key KID, for anybody who has the client
 * `citizen` or `office`; the token's subject is the client's id. Prints "ready" when it listens.
 */
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, audience, kid, algorithm] = process.argv.slice(2);
const { privateKey } = algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
const client = (client_id) => ({ client_id, client_secret: `${client_id}-secret`, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  id_token_signed_response_alg: algorithm });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client('citizen'), client('office')],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({ scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: algorithm } } }),
    },
  },
  extraTokenClaims: (_, token) => ({ roles: [token.clientId], sub: token.clientId }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));

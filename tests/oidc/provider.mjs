// The OpenID provider of the hub's tests: node-oidc-provider, with people who log in without a password.
//
//   node provider.mjs PORT REDIRECT_URI AUDIENCE
//
// People are their login names: "ada" is ada@hub.test, verified; "unverified" is not. POST /rotate gives the
// provider new keys under a new kid, as real ones do, by starting anew on the same port.
import http from 'node:http';
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const require = createRequire(path.join(process.env.OIDC_MODULES, 'x.js'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const [port, redirectUri, audience] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
let generation = 0;

function make() {
  generation += 1;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: `key-${generation}`, use: 'sig', alg: 'RS256' };
  return new Provider(issuer, {
    clients: [{
      client_id: 'hub', client_secret: 'secret-of-the-hub', redirect_uris: [redirectUri],
      grant_types: ['authorization_code'], response_types: ['code'],
    }],
    jwks: { keys: [key] },
    cookies: { keys: ['for tests'] },
    pkce: { required: () => true },
    claims: { email: ['email', 'email_verified'], profile: ['name'] },
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({
        sub: id, name: `${id[0].toUpperCase()}${id.slice(1)}`, email: `${id}@hub.test`,
        email_verified: id !== 'unverified',
      }),
    }),
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => false,
        getResourceServerInfo: () => ({ scope: 'openid', accessTokenFormat: 'jwt', audience }),
      },
    },
  });
}

let callback = make().callback();
http.createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/rotate') {
    callback = make().callback();
    response.end('rotated');
  } else {
    callback(request, response);
  }
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));

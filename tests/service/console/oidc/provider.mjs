// A certified OpenID provider on loopback, whose accounts are made up; see real.py.
//
// The options are one argument in JSON. Its first line on stdout that begins with "{" names the
// issuer, and it ends with its standard input.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const options = JSON.parse(process.argv[2]);
const entry = pathToFileURL(`${options.modules}/oidc-provider/lib/index.js`).href;
const { default: Provider } = await import(entry);

function findAccount(_, login) {
  const facts = options.accounts[login];
  return facts && { accountId: login, claims: async () => ({ sub: login, ...facts }) };
}

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const configuration = {
  clients: [
    {
      client_id: options.client_id,
      client_secret: options.client_secret,
      redirect_uris: [options.redirect_uri],
      token_endpoint_auth_method: options.method,
    },
  ],
  claims: { email: ["email", "email_verified"], profile: ["name", "groups"] },
  // Whether claims of scopes are told at the userinfo endpoint alone, as the specification has it.
  conformIdTokenClaims: options.userinfo_only,
  cookies: { keys: ["of the tests"] },
  features: { devInteractions: { enabled: true } },
  findAccount,
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" }] },
  pkce: { required: () => true },
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on("request", new Provider(issuer, configuration).callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();

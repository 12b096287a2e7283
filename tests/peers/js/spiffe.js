// A Workload API client on grpc-js, with node's own cryptography: node spiffe.js DESCRIPTOR_SET fetch AUDIENCE.
//
// npm has no SPIFFE client, so what is tested is a fourth gRPC stack and what it makes of our answers. It
// prints what it got, a line each; tests/interop/workload/clients_test.py reads them.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [descriptors, command, audience] = process.argv.slice(2);
if (command !== 'fetch' || !audience) {
  console.error('usage: spiffe.js DESCRIPTOR_SET fetch AUDIENCE');
  process.exit(2);
}
const definition = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(descriptors), {keepCase: true});
const {SpiffeWorkloadAPI} = grpc.loadPackageDefinition(definition);
const agent = new SpiffeWorkloadAPI(process.env.SPIFFE_ENDPOINT_SOCKET, grpc.credentials.createInsecure());
const header = new grpc.Metadata();
header.set('workload.spiffe.io', 'true');
const deadline = () => ({deadline: Date.now() + 20000});

const unary = (method, request) => new Promise((resolve, reject) =>
  agent[method](request, header, deadline(), (error, answer) => error ? reject(error) : resolve(answer)));
const first = (method) => new Promise((resolve, reject) => {
  const stream = agent[method]({}, header, deadline());
  stream.on('data', (answer) => { resolve(answer); stream.cancel(); });
  stream.on('error', reject);  // also our own cancel, when the promise is long resolved
});

// Certificates one after the other, each with its own length.
function split(der) {
  const out = [];
  for (let at = 0; at < der.length;) {
    const long = der[at + 1] & 0x80 ? der[at + 1] & 0x7f : 0;
    const length = long ? der.readUIntBE(at + 2, long) : der[at + 1];
    const end = at + 2 + long + length;
    out.push(new crypto.X509Certificate(der.subarray(at, end)));
    at = end;
  }
  return out;
}

// A map's entries, which a descriptor set makes a list of.
const entries = (map) => map.map(({key, value}) => [key, value]);

function must(good, what) {
  if (!good) throw new Error(what);
}

function verified(token, bundles) {
  const [head, claims, signature] = token.split('.');
  const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  const {kid, alg} = decode(head);
  const {sub, aud, exp} = decode(claims);
  const domain = 'spiffe://' + new URL(sub).host;
  const jwk = JSON.parse(bundles[domain]).keys.find((key) => key.kid === kid);
  must(alg === 'ES256' && jwk, 'the key is not in the bundle');
  const key = {key: crypto.createPublicKey({key: jwk, format: 'jwk'}), dsaEncoding: 'ieee-p1363'};
  must(crypto.verify('sha256', Buffer.from(head + '.' + claims), key, Buffer.from(signature, 'base64url')),
    'the signature is wrong');
  must([].concat(aud).includes(audience) && exp * 1000 > Date.now(), 'audience or time');
  return sub;
}

async function main() {
  const x509 = await first('FetchX509SVID');
  for (const svid of x509.svids) {
    const chain = split(svid.x509_svid);
    const key = crypto.createPrivateKey({key: svid.x509_svid_key, format: 'der', type: 'pkcs8'});
    must(chain[0].subjectAltName === 'URI:' + svid.spiffe_id, 'the certificate is another\'s');
    must(chain[0].checkPrivateKey(key), 'the key is another\'s');
    must(split(svid.bundle).some((root) => chain[0].verify(root.publicKey)), 'no authority signed it');
    console.log(`x509 ${svid.spiffe_id} chain=${chain.length}`);
  }
  for (const [domain, der] of entries((await first('FetchX509Bundles')).bundles)) {
    console.log(`x509-bundle ${new URL(domain).host} authorities=${split(der).length}`);
  }
  const bundles = Object.fromEntries(entries((await first('FetchJWTBundles')).bundles));
  for (const [domain, jwks] of Object.entries(bundles)) {
    console.log(`jwt-bundle ${new URL(domain).host} keys=${JSON.parse(jwks).keys.length}`);
  }
  const mine = (await unary('FetchJWTSVID', {audience: [audience]})).svids[0];
  console.log(`jwt ${mine.spiffe_id}`);
  console.log(`jwt-verified-here ${verified(mine.svid, bundles)}`);
  console.log(`jwt-verified-by-agent ${(await unary('ValidateJWTSVID', {audience, svid: mine.svid})).spiffe_id}`);
  agent.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

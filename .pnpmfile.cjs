const { repository } = require('./package.json');

/**
 * What a packed package says otherwise than in the workspace.
 *
 * It works with the core of its own minor version. The workspace says `<1.0.0`, because changesets takes a peer that
 * leaves its range for a breaking change and would make 0.2.0 a 1.0.0.
 *
 * Its exports lead to `dist` only. In the workspace the condition `@moe-dispatch/source` leads tests and type checks to
 * the sources; a user's bundler has no business there.
 *
 * It names the repository that it is published from, which npm compares with the provenance: `repository` of the
 * workspace's package.json. That is empty until there is one, and pnpm release:publish refuses to publish without it.
 */
function beforePacking(manifest) {
  for (const entry of Object.values(manifest.exports ?? {})) delete entry['@moe-dispatch/source'];
  const peers = manifest.peerDependencies;
  if (peers?.['@moe-dispatch/core'] !== undefined) peers['@moe-dispatch/core'] = `^${manifest.version}`;
  if (repository !== '') {
    const directory = `packages/${manifest.name.split('/')[1]}`;
    manifest.repository = { type: 'git', url: `git+${repository}.git`, directory };
    manifest.homepage = `${repository}#readme`;
  }
  return manifest;
}

module.exports = { hooks: { beforePacking } };

/**
 * Says in a packed package that it works with the core of its own minor version. The workspace itself says `<1.0.0`,
 * because changesets takes a peer that leaves its range for a breaking change and would make 0.2.0 a 1.0.0.
 */
function beforePacking(manifest) {
  const peers = manifest.peerDependencies;
  if (peers?.['@moe-dispatch/core'] !== undefined) peers['@moe-dispatch/core'] = `^${manifest.version}`;
  return manifest;
}

module.exports = { hooks: { beforePacking } };

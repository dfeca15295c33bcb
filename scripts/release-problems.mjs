/** Neither a slash nor `.git` at the end: both are added where they belong. */
const ADDRESS = /^https:\/\/[^/\s]+\/[^\s]+(?<!\/|\.git)$/;

/**
 * Why the packages cannot be published yet, one line for each reason.
 * @param {{ repository: string }} root the workspace's package.json
 * @param {readonly string[]} versions of all packages
 * @param {boolean} isRehearsal it publishes to a registry on this machine, and may leave the repository out
 */
export function releaseProblems({ repository }, versions, isRehearsal) {
  const problems = [];
  const mayBeEmpty = isRehearsal && repository === '';
  if (!mayBeEmpty && !ADDRESS.test(repository)) {
    problems.push(
      `"repository" in package.json: expected the address of the repository that publishes, https://HOST/OWNER/NAME, found '${repository}'`,
    );
  }
  const different = [...new Set(versions)];
  if (different.length > 1 || different[0] === '0.0.0') {
    problems.push(`the versions are ${different.join(', ')}; pnpm release:version sets one for all`);
  }
  return problems;
}

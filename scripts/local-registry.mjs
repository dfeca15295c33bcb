import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The newest that runs on Node 20. Its node-fetch is asked for by a tag that not every mirror of the registry has. */
const VERDACCIO = { dependencies: { verdaccio: '6.8.0' }, overrides: { 'node-fetch': '2.7.0' } };
const START_TIMEOUT_MS = 30_000;

/**
 * Starts Verdaccio with everything of its own in `folder`: the program, its storage, npm's cache and configuration.
 * Anyone may publish @moe-dispatch; every other package comes from the registry that npm uses here.
 * @param {string} folder an empty one
 * @returns {Promise<{ url: string, env: NodeJS.ProcessEnv, stop: () => void }>} `env` makes npm use this registry
 */
export async function startRegistry(folder) {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, ...VERDACCIO }));
  const install = [
    'install',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  execFileSync('npm', install, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], {
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim();
  writeFileSync(join(folder, 'config.json'), JSON.stringify(verdaccioConfig(upstream)));

  const url = `http://127.0.0.1:${await freePort()}/`;
  const program = join(folder, 'node_modules/verdaccio/bin/verdaccio');
  const server = execFile(process.execPath, [
    program,
    '--config',
    join(folder, 'config.json'),
    '--listen',
    url,
  ]);
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (output += text));
  const stop = () => server.kill();
  try {
    await untilAnswers(url, server);
  } catch (error) {
    stop();
    throw new Error(`Verdaccio does not start: ${error.message}\n${output}`);
  }
  return { url, env: npmEnvironment(folder, url), stop };
}

/** JSON is YAML too. */
function verdaccioConfig(upstream) {
  return {
    storage: './storage',
    uplinks: { upstream: { url: upstream } },
    packages: {
      '@moe-dispatch/*': { access: '$all', publish: '$all' },
      '**': { access: '$all', proxy: 'upstream' },
    },
    log: { type: 'stdout', level: 'warn' },
  };
}

/** npm wants a token before it publishes; Verdaccio does not look at it. */
function npmEnvironment(folder, url) {
  const userconfig = join(folder, 'npmrc');
  writeFileSync(userconfig, `registry=${url}\n${url.replace(/^http:/, '')}:_authToken=nobody\n`);
  return {
    ...process.env,
    npm_config_userconfig: userconfig,
    npm_config_cache: join(folder, 'cache'),
    npm_config_registry: url,
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function untilAnswers(url, server) {
  const end = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < end) {
    if (server.exitCode !== null) throw new Error(`it exited with ${server.exitCode}`);
    const answer = await fetch(`${url}-/ping`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(200);
  }
  throw new Error(`no answer within ${START_TIMEOUT_MS / 1000} s`);
}

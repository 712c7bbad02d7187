/** Runs npm in a folder of ours: no shell, no install scripts, no git, no paths, an environment of few known names. */
import { spawn } from 'node:child_process';
import { access, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';

export interface NpmOptions {
  /** npm's program file; default: the first `npm` in PATH of `environment`. */
  readonly path: string | undefined;
  /** Where npm keeps what it downloaded, shared by all installs. */
  readonly cacheFolder: string;
  /** Further flags of the operator. */
  readonly flags: readonly string[];
  readonly jsrRegistry: string | undefined;
  /** Environment of the server; only what configures npm and its network is passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface InstallResult {
  readonly ok: boolean;
  /** The sentence of npm that says what went wrong, or empty. */
  readonly reason: string;
}

const FLAGS = [
  '--ignore-scripts',
  '--omit=dev',
  '--no-audit',
  '--no-fund',
  '--no-progress',
  '--no-update-notifier',
  '--logs-max=0',
  '--color=false',
  '--loglevel=warn',
  // Scripts are not the only way in: a git dependency may bring its own npm configuration, a path reads this host.
  '--allow-git=none',
  '--allow-remote=none',
  '--allow-file=none',
  '--allow-directory=none',
];
const PASSED =
  /^(path|lang|https?_proxy|no_proxy|all_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|npm_token|node_auth_token|systemroot)$/i;
/** Settings of npm that say where packages come from. Others could name programs to start, or move what npm writes. */
const PASSED_SETTINGS =
  /^npm_config_(registry|.+:registry|\/\/.+|_auth.*|(https?_)?proxy|no_?proxy|ca|cafile|cert|key|strict_ssl|fetch_.+|maxsockets|offline|prefer_offline|before|min_release_age)$/i;
const MAX_REASON_BYTES = 16_384;

/** @throws the signal's reason when it aborts, after npm has ended */
export async function npmInstall(
  folder: string,
  {
    npm,
    mode,
    log,
    signal,
  }: {
    npm: NpmOptions;
    mode: 'ci' | 'install';
    log: (text: string) => void;
    signal: AbortSignal;
  },
): Promise<InstallResult> {
  signal.throwIfAborted();
  const program = await findNpm(npm);
  if (program === undefined) return { ok: false, reason: 'npm was not found in PATH of the server' };
  const isScript = /\.[cm]?js$/.test(program);
  const args = [mode, ...FLAGS, ...(npm.jsrRegistry === undefined ? [] : [`--@jsr:registry=${npm.jsrRegistry}`]), ...npm.flags];
  // A group of its own, so that a deadline ends what npm itself has started as well.
  const child = spawn(isScript ? process.execPath : program, isScript ? [program, ...args] : args, {
    cwd: folder,
    env: environmentOf(npm, folder),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    shell: false,
  });
  const abort = (): void => killGroup(child.pid);
  signal.addEventListener('abort', abort, { once: true });
  let errors = '';
  const pass =
    (isError: boolean) =>
    (text: string): void => {
      const shown = presentable(text, [folder, npm.cacheFolder]);
      if (isError) errors = (errors + shown).slice(-MAX_REASON_BYTES);
      if (shown.trim() !== '') log(shown);
    };
  byLine(child.stdout, pass(false));
  byLine(child.stderr, pass(true));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal.throwIfAborted();
    return { ok: code === 0, reason: code === 0 ? '' : reasonOf(errors, code) };
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The script behind `npm`, so that it runs with the Node that runs us whatever Node is first in PATH. */
async function findNpm({ path, environment }: NpmOptions): Promise<string | undefined> {
  const searched = environment.PATH ?? environment.Path ?? '';
  const candidates =
    path === undefined
      ? [dirname(process.execPath), ...searched.split(delimiter)].filter(Boolean).map((folder) => join(folder, 'npm'))
      : [path];
  for (const candidate of candidates) {
    try {
      await access(candidate);
      return await realpath(candidate);
    } catch {
      continue;
    }
  }
  return undefined;
}

function environmentOf({ environment, cacheFolder }: NpmOptions, home: string): NodeJS.ProcessEnv {
  const passed = Object.entries(environment).filter(([name]) => PASSED.test(name) || PASSED_SETTINGS.test(name));
  const userConfig =
    environment.npm_config_userconfig ??
    environment.NPM_CONFIG_USERCONFIG ??
    (environment.HOME === undefined ? undefined : join(environment.HOME, '.npmrc'));
  const globalConfig = environment.npm_config_globalconfig ?? environment.NPM_CONFIG_GLOBALCONFIG;
  return {
    ...Object.fromEntries(passed),
    HOME: home,
    npm_config_cache: cacheFolder,
    ...(userConfig !== undefined && { npm_config_userconfig: userConfig }),
    ...(globalConfig !== undefined && { npm_config_globalconfig: globalConfig }),
  };
}

function byLine(stream: NodeJS.ReadableStream, take: (text: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const end = (rest + text).lastIndexOf('\n') + 1;
    const all = rest + text;
    rest = all.slice(end);
    if (end > 0) take(all.slice(0, end));
  });
  stream.on('end', () => rest !== '' && take(`${rest}\n`));
}

/** Without paths of this host, and without what npm says about the operator's own configuration. */
function presentable(text: string, hidden: readonly string[]): string {
  const lines = text
    .split('\n')
    .filter(
      (line) =>
        !/^npm warn (unknown (user|env|cli|global) config|config )|^npm error a complete log|^npm error log files were not written/i.test(
          line,
        ),
    );
  return hidden.reduce((shown, path) => shown.replaceAll(path, '.'), lines.join('\n')).replace(/^\n+/, '');
}

function reasonOf(errors: string, code: number | null): string {
  const lines = errors.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/i, '').trim());
  const telling = lines.filter(
    (line, index) =>
      line !== '' &&
      errors.split('\n')[index]?.startsWith('npm e') === true &&
      !/^(code|errno|syscall|path|network|A complete log) ?/i.test(line),
  );
  return telling[0] ?? (code === null ? 'npm was stopped' : `npm ended with exit code ${code}`);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended between the deadline and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

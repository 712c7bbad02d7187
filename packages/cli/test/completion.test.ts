/** Shell completions, by the shells themselves where this machine has them. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';

const MARTLET = fileURLToPath(new URL('../bin/martlet.mjs', import.meta.url));
const script = (shell: string): string => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MARTLET, 'completion', shell], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout;
};
const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** What is offered after these words; the last one is being written. */
function bashOffers(words: readonly string[]): string[] {
  const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _martlet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', `${script('bash')}\n${line}`], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout.split('\n').filter((one) => one !== '');
}

describe('bash', () => {
  beforeEach(({ skip }) => skip(!has('bash'), 'bash is not installed'));

  test('is offered commands, their commands and their options', () => {
    expect(bashOffers(['martlet', 'de'])).toEqual(['dev', 'deploy', 'deployments']);
    expect(bashOffers(['martlet', 'types', ''])).toContain('generate');
    expect(bashOffers(['martlet', 'types', 'generate', '--w'])).toEqual(['--watch']);
    expect(bashOffers(['martlet', 'secrets', 'set', 'TOKEN', '--u'])).toEqual(['--url']);
    expect(bashOffers(['martlet', '--json', 'context', 'us'])).toEqual(['use']);
    // Each offer starts the command anew.
  }, 60_000);

  test('is offered nothing as the value of an option, and files where a folder is wanted', () => {
    expect(bashOffers(['martlet', 'functions', 'list', '--url', ''])).toEqual([]);
    expect(bashOffers(['martlet', 'types', 'generate', '--dir', '/et'])).toContain('/etc');
  });
});

describe('zsh', () => {
  beforeEach(({ skip }) => skip(!has('zsh'), 'zsh is not installed'));

  test('takes the script', () => {
    const { status, stderr } = spawnSync('zsh', ['-f', '-c', `autoload -Uz compinit; compinit -u -D; ${script('zsh')}; whence _martlet`], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });
});

describe('fish', () => {
  beforeEach(({ skip }) => skip(!has('fish'), 'fish is not installed'));

  test('is offered commands of the place', () => {
    const offers = (line: string): string[] =>
      spawnSync('fish', ['--no-config', '-c', `${script('fish')}\ncomplete -C '${line}'`], { encoding: 'utf8' })
        .stdout.split('\n')
        .map((one) => one.split('\t', 1)[0] ?? '');
    expect(offers('martlet types ')).toContain('generate');
    expect(offers('martlet de')).toEqual(expect.arrayContaining(['dev', 'deploy', 'deployments']));
  });
});

test('another shell is wrong usage', () => {
  expect(spawnSync(process.execPath, [MARTLET, 'completion', 'tcsh']).status).toBe(2);
});

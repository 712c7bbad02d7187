/** `martlet doctor`: looks for what would keep a server here from running well. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Action, CommandContext } from '../../command-context.ts';
import { examineHost, type Finding } from '../../doctor/examine-host.ts';
import { examineServer } from '../../doctor/examine-server.ts';
import { loadServerLibrary } from '../../server/server-library.ts';
import { configSources, type ServerOptions } from '../../server/server-start.ts';
import { toCliError } from '../../cli-error.ts';

export function registerDoctor(program: Command, action: Action): void {
  program
    .command('doctor')
    .description('check whether this machine can run a server well, and whether the configured one answers')
    .option('--port <port>', 'port that shall be free', '8787')
    .option('--data <dir>', 'data folder that shall be writable', '.martlet')
    .action(action(doctor));
}

async function doctor(context: CommandContext, _: readonly [], options: ServerOptions): Promise<number> {
  const { out, folder } = context;
  const data = resolve(folder, options.data ?? '.martlet');
  const progress = out.progress('Examining this machine');
  const host = await examineHost({ data, port: Number(options.port), folder });
  const { tier, findings: sandbox } = await examineSandbox(context, { ...options, data });
  const server = await examineServer(await context.connect());
  const findings = [...host, ...sandbox, ...server];
  const broken = findings.filter((one) => one.state === 'broken');
  const weak = findings.filter((one) => one.state === 'weak');
  progress.done(
    broken.length > 0
      ? `${broken.length} of ${findings.length} checks found something broken`
      : weak.length > 0
        ? `It works, with ${weak.length} remarks`
        : 'All is well',
  );
  out.result({ ok: broken.length === 0, tier, checks: findings }, () => describe(context, findings));
  return broken.length > 0 ? 1 : 0;
}

/** The server examines the wall and its database itself, with the means that it would use. */
async function examineSandbox(context: CommandContext, options: ServerOptions): Promise<{ tier: string | null; findings: Finding[] }> {
  try {
    const { diagnose, loadConfig } = await loadServerLibrary();
    const { tier, checks, database } = await diagnose(loadConfig(configSources(context, { mode: 'dev', options, folder: context.folder })));
    const findings = checks.map(({ feature, ok, detail }): Finding => ({ check: feature, state: ok ? 'good' : 'weak', detail }));
    const isolation: Finding = {
      check: 'isolation',
      state: tier === 'C' ? 'weak' : 'good',
      detail: `tier ${tier}${tier === 'C' ? ': functions run as plain processes; martlet serve refuses this unless told otherwise' : ''}`,
    };
    const stored = database.map(({ feature, state, detail }): Finding => ({ check: feature, state, detail }));
    return { tier, findings: [...findings, isolation, ...stored] };
  } catch (error) {
    const { message, next } = toCliError(error);
    return { tier: null, findings: [{ check: 'isolation', state: 'broken', detail: next === undefined ? message : `${message} ${next}` }] };
  }
}

function describe({ out }: CommandContext, findings: readonly Finding[]): string[] {
  const { green, yellow, red } = out.style;
  const marks = { good: green('✓'), weak: yellow('!'), broken: red('✗') };
  const width = Math.max(...findings.map((one) => one.check.length));
  return findings.map(
    (one) => `${marks[one.state]} ${one.check.padEnd(width)}  ${one.detail.replaceAll('\n', `\n${' '.repeat(width + 4)}`)}`,
  );
}

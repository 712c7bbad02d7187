/** `martlet deploy [name…]`: uploads functions, follows their builds, says where they answer. */
import { resolve } from 'node:path';
import { defaultLimits } from '@martlet/protocol';
import type { Command } from 'commander';
import type { ApiClient } from '../../api/api-client.ts';
import { CliError, toCliError, usageError } from '../../cli-error.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { deployFunction, type Deployed } from '../../deploy/deploy-function.ts';
import { inParallel } from '../../deploy/in-parallel.ts';
import { packFolder, type Packed } from '../../project/pack.ts';
import type { Project, ProjectFunction } from '../../project/project.ts';
import { readProject } from '../../project/read-project.ts';
import type { Output } from '../../terminal/output.ts';
import { printable } from '../../terminal/style.ts';
import { bytes, duration } from '../../terminal/units.ts';

const PARALLEL = 4;

interface DeployOptions {
  readonly dir: string;
  readonly sizeCheck: boolean;
}

export type DeployResult =
  | ({ readonly ok: true } & Deployed)
  | { readonly ok: false; readonly name: string; readonly error: string; readonly message: string };

export function registerDeploy(program: Command, action: Action): void {
  program
    .command('deploy')
    .description('build functions on the server and make them live; default: all of the project')
    .argument('[names...]', 'functions')
    .option('--dir <dir>', 'folder of the project', '.')
    .option('--no-size-check', 'leave the size limits to the server')
    .action(action(deploy));
}

async function deploy(
  { connect, out, folder }: CommandContext,
  [names]: readonly [readonly string[]],
  options: DeployOptions,
): Promise<number> {
  const projectFolder = resolve(folder, options.dir);
  const project = await readProject(projectFolder);
  const chosen = chooseFunctions(project, names, projectFolder);
  for (const problem of project.problems) out.warn(`${out.noteStyle.red('✗')} ${printable(problem.file)}: ${printable(problem.message)}`);
  const api = await connect();
  const pack = packOnce(projectFolder, options.sizeCheck, out);
  const results = await inParallel(PARALLEL, chosen, (one) => deployOne({ api, out, project, pack }, one));
  const failed = results.filter((one) => !one.ok).length;
  const problems = names.length === 0 ? project.problems : [];
  out.result({ functions: results, problems: project.problems }, () => []);
  out.note(
    `${results.length - failed} deployed${failed > 0 ? `, ${failed} failed` : ''}${problems.length > 0 ? `, ${problems.length} not deployable` : ''}  ${api.connection.url}  project ${api.connection.project}`,
  );
  return failed + problems.length > 0 ? 1 : 0;
}

/** @throws {CliError} for names that the project does not have, and for a project without functions */
function chooseFunctions(project: Project, names: readonly string[], folder: string): readonly ProjectFunction[] {
  if (project.functions.length === 0 && project.problems.length === 0) {
    throw new CliError(`Cannot deploy: there are no functions in ${folder}.`, {
      next: 'Write functions/hello.ts, or let martlet init write one.',
    });
  }
  const unknown = names.filter((name) => !project.functions.some((one) => one.name === name));
  const excuse = project.problems.find((one) => unknown.some((name) => one.message.includes(`"${name}"`) || one.file.includes(name)));
  if (unknown.length > 0) {
    throw usageError(
      `Cannot deploy ${unknown.join(', ')}: ${excuse === undefined ? 'the project has no such function' : `${excuse.file}: ${excuse.message}`}`,
      `The project has: ${project.functions.map((one) => one.name).join(', ') || 'none'}.`,
    );
  }
  return names.length === 0 ? project.functions : project.functions.filter((one) => names.includes(one.name));
}

type Pack = (one: ProjectFunction) => Promise<Packed>;

/** Functions that share their sources share the archive. */
function packOnce(projectFolder: string, sizeCheck: boolean, out: Output): Pack {
  const archives = new Map<string, Promise<Packed>>();
  const pack = async (one: ProjectFunction): Promise<Packed> => {
    const packed = await packFolder(resolve(projectFolder, one.root), {
      ignore: one.ignore,
      limits: sizeCheck ? defaultLimits : undefined,
    });
    if (packed.skipped.length > 0)
      out.warn(
        `${out.noteStyle.yellow('!')} Left out, because links are not packed: ${packed.skipped.slice(0, 5).map(printable).join(', ')}${packed.skipped.length > 5 ? ` and ${packed.skipped.length - 5} more` : ''}`,
      );
    out.note(
      out.noteStyle.dim(`packed ${one.root === '' ? 'the project' : one.root}: ${packed.files} files, ${bytes(packed.bytes.length)}`),
    );
    return packed;
  };
  return (one) => {
    const archive = archives.get(one.root) ?? pack(one);
    archives.set(one.root, archive);
    return archive;
  };
}

interface Deploying {
  readonly api: ApiClient;
  readonly out: Output;
  readonly project: Project;
  readonly pack: Pack;
}

async function deployOne({ api, out, project, pack }: Deploying, one: ProjectFunction): Promise<DeployResult> {
  const { green, red, dim, cyan, bold } = out.noteStyle;
  try {
    const packed = await pack(one);
    const deployed = await deployFunction({
      api,
      one,
      kind: project.kind,
      archive: packed.bytes,
      onCreated: (roles) =>
        out.note(`${dim('+')} ${one.name}  new, may be called by ${roles.length === 0 ? 'keys only' : roles.join(', ')}`),
      onLogLine: (line) => out.note(dim(`${one.name} │ ${printable(line)}`)),
    });
    out.note(`${green('✓')} ${bold(one.name)}  ready in ${duration(deployed.milliseconds)}  ${cyan(deployed.url)}`);
    return { ok: true, ...deployed };
  } catch (error) {
    const failure = toCliError(error);
    out.warn(
      `${red('✗')} ${bold(one.name)}  ${failure.message.split('\n').map(printable).join('\n    ')}${failure.code === undefined ? '' : dim(` (${failure.code})`)}`,
    );
    if (failure.next !== undefined) out.warn(`    ${bold('Next:')} ${failure.next}`);
    return { ok: false, name: one.name, error: failure.code ?? '', message: failure.message };
  }
}

/** The platform of `martlet dev` as the place where the functions of a folder live. */
import { join } from 'node:path';
import type { Platform, PlatformServices } from '@martlet/server';
import type { ProjectFunction, ProjectKind } from '../project/project.ts';
import type { FunctionHost } from './live-project.ts';

export interface DevHostOptions {
  readonly platform: Pick<Platform, 'project' | 'services'>;
  readonly folder: string;
  readonly kind: ProjectKind;
}

export function createDevHost({ platform, folder, kind }: DevHostOptions): FunctionHost {
  const { project, services } = platform;
  return {
    async build(one) {
      const began = performance.now();
      const fn = await ensureFunction(services, project, { one, kind });
      const { deployment, problems, inputs } = await services.deployments.createFromFolder({
        fn,
        folder: join(folder, one.root),
        entrypoint: one.entrypoint,
      });
      return {
        ok: deployment.status === 'ready',
        functionId: fn.id,
        inputs: inputsOf(one, inputs),
        milliseconds: performance.now() - began,
        problems: problems.length > 0 || deployment.status === 'ready' ? problems.map(describeProblem) : [deployment.errorMessage],
      };
    },
    remove: (functionId) => services.functions.delete(project, functionId),
  };
}

type FunctionRow = Awaited<ReturnType<PlatformServices['functions']['row']>>;
interface Wanted {
  readonly one: ProjectFunction;
  readonly kind: ProjectKind;
}

/** The function under this name, made where there is none; settings of a project file are taken over each time. */
async function ensureFunction(services: PlatformServices, project: string, { one, kind }: Wanted): Promise<FunctionRow> {
  const execute = one.settings.execute ?? (kind === 'appwrite' ? [] : ['any']);
  const input = { name: one.name, path: one.name, entrypoint: one.entrypoint, commands: one.commands, ...one.settings, execute };
  const found = await services.functions.findByPath(project, one.name);
  if (found === null) return (await services.functions.create(project, one.id ?? 'unique()', input)).row;
  const { row } = found;
  const same = row.commands === one.commands && row.entrypoint === one.entrypoint && (kind === 'martlet' || kind === 'base44');
  // Every update retires the worker, which a rebuild of the same function does anyway but a build that fails must not.
  return same ? row : (await services.functions.update(project, row.id, { ...input, runtime: row.runtime })).row;
}

/** Relative to the project; the entrypoint counts always, and settings beside it that may be there one day. */
function inputsOf(one: ProjectFunction, inputs: readonly string[]): string[] {
  const prefix = one.root === '' ? '' : `${one.root}/`;
  const folder = one.entrypoint.slice(0, one.entrypoint.lastIndexOf('/') + 1);
  return [one.entrypoint, `${folder}function.jsonc`, `${folder}function.json`, 'package.json', ...inputs].map((file) => prefix + file);
}

interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly excerpt: string;
}

/** `functions/hello.ts:3:9: message` and the line below it with its marker. */
function describeProblem({ file, line, column, message, excerpt }: Problem): string {
  const place = file === '' ? '' : `${file}${line > 0 ? `:${line}:${column}` : ''}: `;
  return `${place}${message}${excerpt === '' ? '' : `\n${excerpt}`}`;
}

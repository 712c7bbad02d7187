/** The platform of `martlet dev` as the place where the functions of a folder live. */
import { join } from 'node:path';
import type { ProjectFunction } from '../project/project.ts';
import type { FolderDeployed, Platform } from '../server/server-library.ts';
import type { FunctionHost } from './live-project.ts';

export function createDevHost(platform: Platform, projectFolder: string): FunctionHost {
  const { functions, deployments } = platform.services;
  return {
    async build(one) {
      const began = performance.now();
      const deployed = await deployments.createFromFolder({
        projectId: platform.project,
        path: one.name,
        folder: join(projectFolder, one.root),
        entrypoint: one.entrypoint,
        settings: { ...one.settings, ...(one.id === undefined ? {} : { id: one.id }), commands: one.commands },
      });
      return {
        ok: deployed.status === 'ready',
        functionId: deployed.functionId,
        inputs: inputsOf(one, deployed),
        milliseconds: performance.now() - began,
        problems: deployed.problems.map(describeProblem),
      };
    },
    remove: (functionId) => functions.delete(platform.project, functionId),
  };
}

/** Relative to the project; the entrypoint counts always, and settings beside it that may be there one day. */
function inputsOf(one: ProjectFunction, { inputs }: FolderDeployed): string[] {
  const prefix = one.root === '' ? '' : `${one.root}/`;
  const folder = one.entrypoint.slice(0, one.entrypoint.lastIndexOf('/') + 1);
  return [one.entrypoint, `${folder}function.jsonc`, `${folder}function.json`, 'package.json', ...inputs].map((file) => prefix + file);
}

/** `functions/hello.ts:3:9: message` and the line below it with its marker. */
function describeProblem({ file, line, column, message, excerpt }: FolderDeployed['problems'][number]): string {
  const place = file === '' ? '' : `${file}${line > 0 ? `:${line}:${column}` : ''}: `;
  return `${place}${message}${excerpt === '' ? '' : `\n${excerpt}`}`;
}

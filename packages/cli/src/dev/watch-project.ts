/** Watches the folder of a project and reports changes in small batches, soon and without losing the last write. */
import { stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { watch } from 'chokidar';
import { isProjectText } from '../project/find-functions.ts';
import type { ProjectKind } from '../project/project.ts';

export interface Changes {
  /** Relative to the project, with forward slashes. */
  readonly files: ReadonlySet<string>;
  /** Files came or went, or a project file changed. */
  readonly structural: boolean;
}

export interface WatchOptions {
  readonly folder: string;
  readonly kind: ProjectKind;
  readonly onChanges: (changes: Changes) => void;
  readonly onError: (error: unknown) => void;
}

export interface ProjectWatcher {
  close(): Promise<void>;
}

/** One save makes several events; a build that starts at the first would read half a file. */
const DEBOUNCE_MS = 10;
/** The watcher swallows events of a file within 50 ms of the last one, so the file is looked at again after that. */
const SECOND_LOOK_MS = 80;
const IGNORED_FOLDERS = new Set(['node_modules', '.git', '.martlet', '.types']);

/** Resolves when every change from now on will be seen. */
export async function watchProject({ folder, kind, onChanges, onError }: WatchOptions): Promise<ProjectWatcher> {
  const watcher = watch(folder, { ignored: (path) => isIgnored(relativePath(folder, path), kind), ignoreInitial: true, atomic: true });
  let files = new Set<string>();
  let structural = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const flush = (): void => {
    timer = undefined;
    const changes = { files, structural };
    files = new Set();
    structural = false;
    onChanges(changes);
    if (!closed) lookAgain([...changes.files]);
  };
  const add = (file: string, isStructural: boolean): void => {
    if (closed) return;
    files.add(file);
    structural ||= isStructural || isProjectText(file);
    timer ??= setTimeout(flush, DEBOUNCE_MS);
  };
  /** Compares with what was there when the batch went out; the timer is no reason to stay alive. */
  const lookAgain = (batch: readonly string[]): void => {
    const before = batch.map((file) => fingerprint(folder, file));
    setTimeout(() => {
      batch.forEach((file, index) => {
        void Promise.all([before[index], fingerprint(folder, file)]).then(([then, now]) => {
          if (then !== now) add(file, then === '' || now === '');
        });
      });
    }, SECOND_LOOK_MS).unref();
  };

  watcher.on('all', (event, path) => {
    if (event === 'addDir' || event === 'unlinkDir') return;
    add(relativePath(folder, path), event !== 'change');
  });
  watcher.on('error', onError);
  await new Promise<void>((resolve) => {
    watcher.once('ready', resolve);
  });
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await watcher.close();
    },
  };
}

/** Changes whenever the file does; empty where there is none. */
async function fingerprint(folder: string, file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(join(folder, file));
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    // Gone, or not to be read: for the watch both mean that there is no file.
    return '';
  }
}

function isIgnored(path: string, kind: ProjectKind): boolean {
  if (path === '') return false;
  const segments = path.split('/');
  if (segments.some((segment) => IGNORED_FOLDERS.has(segment))) return true;
  // The rest of such a repository is a web app whose own tools write many files.
  return kind === 'base44' && segments[0] !== 'base44' && segments.length > 1;
}

function relativePath(folder: string, path: string): string {
  return relative(folder, path).split(sep).join('/');
}

/**
 * Keeps the functions of a folder deployed as they are on disk: knows which files each was built from, rebuilds just
 * those that a change concerns, adds new ones, removes those that are gone. One build per function at a time; a change
 * during a build makes it build once more, so what answers in the end is what was saved last.
 */
import { inParallel } from '../deploy/in-parallel.ts';
import type { Project, ProjectFunction, ProjectProblem } from '../project/project.ts';

export interface FolderBuild {
  readonly ok: boolean;
  readonly functionId: string;
  /** Files that it was built from, relative to the project; after a failure those that are known to matter, if any. */
  readonly inputs: readonly string[];
  readonly milliseconds: number;
  /** Whole lines for people, with file, line and excerpt; empty when ok. */
  readonly problems: readonly string[];
}

/** Where the functions live. */
export interface FunctionHost {
  build(one: ProjectFunction): Promise<FolderBuild>;
  remove(functionId: string): Promise<void>;
}

/** What is told to the person in front. */
export interface ProjectReporter {
  /** `first`: when the project is opened; else after a change. */
  built(one: ProjectFunction, build: FolderBuild, first: boolean): void;
  removed(one: ProjectFunction): void;
  /** Called when the problems of the project are others than before. */
  problems(problems: readonly ProjectProblem[]): void;
  /** The platform itself failed at a function; the next change tries again. */
  failed(one: ProjectFunction, error: unknown): void;
}

export interface LiveProjectOptions {
  readonly host: FunctionHost;
  readonly reporter: ProjectReporter;
  /** Reads the folder anew. */
  readonly read: () => Promise<Project>;
  /** Builds of different functions at the same time. */
  readonly width: number;
}

interface Entry {
  one: ProjectFunction;
  functionId: string | undefined;
  inputs: ReadonlySet<string>;
  ok: boolean;
  building: Promise<void> | undefined;
  /** Something changed since the running build began. */
  stale: boolean;
}

export class LiveProject {
  readonly #options: LiveProjectOptions;
  readonly #entries = new Map<string, Entry>();
  #problemsShown = '[]';
  #scanning: Promise<unknown> = Promise.resolve();

  constructor(options: LiveProjectOptions) {
    this.#options = options;
  }

  get functions(): readonly ProjectFunction[] {
    return [...this.#entries.values()].map((entry) => entry.one);
  }

  /** Deploys what the folder holds. */
  async open(): Promise<void> {
    await this.#buildAll(await this.#rescan(), true);
  }

  /** Resolves when what answers is what is on disk. `structural`: files came or went, or a project file changed. */
  async update(changed: ReadonlySet<string>, structural: boolean): Promise<void> {
    const concerned = new Set(structural ? await this.#rescan() : []);
    for (const entry of this.#entries.values()) if (isConcerned(entry, changed)) concerned.add(entry);
    await this.#buildAll([...concerned], false);
  }

  /** One look at the folder after the other: a function that comes back must not meet its own removal. */
  #rescan(): Promise<Entry[]> {
    const scan = this.#scanning.then(() => this.#takeOver());
    this.#scanning = scan.catch(() => undefined);
    return scan;
  }

  /** Takes over what the folder now holds; returns what must be built because it is new or defined anew. */
  async #takeOver(): Promise<Entry[]> {
    const project = await this.#options.read();
    this.#showProblems(project.problems);
    const names = new Set(project.functions.map((one) => one.name));
    for (const [name, entry] of this.#entries) if (!names.has(name)) await this.#remove(name, entry);
    const fresh: Entry[] = [];
    for (const one of project.functions) {
      const known = this.#entries.get(one.name);
      if (known === undefined) {
        const entry: Entry = { one, functionId: undefined, inputs: new Set(), ok: false, building: undefined, stale: false };
        this.#entries.set(one.name, entry);
        fresh.push(entry);
      } else if (JSON.stringify(known.one) !== JSON.stringify(one)) {
        known.one = one;
        fresh.push(known);
      }
    }
    return fresh;
  }

  async #remove(name: string, entry: Entry): Promise<void> {
    const { host, reporter } = this.#options;
    this.#entries.delete(name);
    // A build under way would bring the function back.
    await entry.building;
    if (entry.functionId === undefined) return;
    try {
      await host.remove(entry.functionId);
      reporter.removed(entry.one);
    } catch (error) {
      reporter.failed(entry.one, error);
    }
  }

  async #buildAll(entries: readonly Entry[], first: boolean): Promise<void> {
    await inParallel(this.#options.width, entries, (entry) => this.#build(entry, first));
  }

  #build(entry: Entry, first: boolean): Promise<void> {
    entry.stale = true;
    entry.building ??= this.#buildUntilFresh(entry, first).finally(() => {
      entry.building = undefined;
    });
    return entry.building;
  }

  async #buildUntilFresh(entry: Entry, first: boolean): Promise<void> {
    const { host, reporter } = this.#options;
    while (entry.stale) {
      entry.stale = false;
      try {
        const result = await host.build(entry.one);
        entry.functionId = result.functionId;
        entry.ok = result.ok;
        // A failed build may not know all its files; what it was built from before still matters.
        entry.inputs = new Set(result.ok ? result.inputs : [...entry.inputs, ...result.inputs]);
        reporter.built(entry.one, result, first);
      } catch (error) {
        entry.ok = false;
        reporter.failed(entry.one, error);
      }
    }
  }

  #showProblems(problems: readonly ProjectProblem[]): void {
    const text = JSON.stringify(problems);
    if (text === this.#problemsShown) return;
    this.#problemsShown = text;
    this.#options.reporter.problems(problems);
  }
}

/** A broken function is tried again at any change: the file that mends it may be one that it could not find before. */
function isConcerned(entry: Entry, changed: ReadonlySet<string>): boolean {
  if (!entry.ok) return changed.size > 0;
  for (const file of changed) if (entry.inputs.has(file)) return true;
  return false;
}

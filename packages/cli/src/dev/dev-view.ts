/** What `martlet dev` shows: the table of functions, builds, executions and their logs. */
import type { ProjectFunction, ProjectProblem } from '../project/project.ts';
import { formatLogLine, timeOfDay } from '../terminal/log-lines.ts';
import type { FollowedLine } from '../server/server-library.ts';
import type { Output } from '../terminal/output.ts';
import { printable } from '../terminal/style.ts';
import { wentWell } from '../terminal/timeline.ts';
import { table } from '../terminal/table.ts';
import { duration } from '../terminal/units.ts';
import type { TriggerReporter } from './dev-triggers.ts';
import type { FolderBuild, ProjectReporter } from './live-project.ts';

export interface DevView extends ProjectReporter, TriggerReporter {
  ready(platform: ReadyPlatform, functions: readonly ProjectFunction[], milliseconds: number): void;
  followed(event: FollowedLine): void;
  /** Name by function id, for the lines of logs. */
  readonly names: ReadonlyMap<string, string>;
}

interface ReadyPlatform {
  readonly url: string;
  readonly tier: string;
  /** What starts a function beside calls, by its name. */
  readonly triggers: ReadonlyMap<string, string>;
}

const WEAK_TIERS: Readonly<Record<string, string>> = {
  'A-': 'memory is not held by a cgroup: a function can take more than its limit for a moment.',
  C: 'functions run as plain processes: they can read your files and reach your network. Run only code that you trust.',
};

/** Below the time of the line above. */
const INDENT = ' '.repeat(14);

export function createDevView(out: Output): DevView {
  const { bold, dim, green, red, yellow, cyan } = out.noteStyle;
  const names = new Map<string, string>();
  /** What the table shows of each function, until the table was shown. */
  const firstBuilds = new Map<string, FolderBuild>();

  return {
    names,
    built(one, build, first) {
      names.set(build.functionId, one.name);
      if (first) firstBuilds.set(one.name, build);
      else if (build.ok)
        out.note(`${dim(timeOfDay(Date.now()))}  ${green('✓')} ${bold(one.name)}  live in ${duration(build.milliseconds)}`);
      if (!build.ok) showProblems(one, build);
    },
    removed: (one) => out.note(`${dim(timeOfDay(Date.now()))}  ${dim('-')} ${bold(one.name)}  removed`),
    problems(problems: readonly ProjectProblem[]) {
      for (const problem of problems) out.warn(`${red('✗')} ${printable(problem.file)}: ${printable(problem.message)}`);
      if (problems.length === 0) out.note(`${green('✓')} the problems of the project are gone`);
    },
    failed: (one, error) => out.warn(`${red('✗')} ${bold(one.name)}  ${printable(error instanceof Error ? error.message : String(error))}`),
    ready(platform, functions, milliseconds) {
      out.note(
        `\n${bold('Martlet')} is ready in ${duration(milliseconds)}  ${cyan(platform.url)}  ${dim(`isolation tier ${platform.tier}`)}`,
      );
      const weakness = WEAK_TIERS[platform.tier];
      if (weakness !== undefined) out.warn(`${yellow('!')} Isolation tier ${platform.tier}: ${weakness} See martlet doctor.`);
      for (const line of functionLines(platform, functions)) out.note(line);
      out.note(dim('\nWatching for changes. Ctrl-C ends it.\n'));
    },
    followed: (event) => {
      const name = names.get(event.functionId) ?? event.functionId;
      if (event.line !== undefined) out.note(formatLogLine(event.line, name, out.noteStyle));
      if (event.ended !== undefined) out.note(executionLine(name, event.ended));
    },
    event: ({ type, source }, decisions) => {
      out.note(`${dim(timeOfDay(Date.now()))}  ${cyan('event')} ${bold(printable(type))} ${dim(`from ${printable(source)}`)}`);
      for (const { code, text } of decisions) out.note(`${INDENT}${wentWell(code) ? green('→') : yellow('-')} ${dim(printable(text))}`);
    },
    tick: (functionId, { text }) =>
      out.note(
        `${dim(timeOfDay(Date.now()))}  ${cyan('schedule')} ${bold(names.get(functionId) ?? functionId)}  ${yellow(printable(text))}`,
      ),
    follows: (functionId, { code, text }) =>
      out.note(
        `${INDENT}${code === 'retry' ? yellow('↻') : red('✗')} ${dim(`${names.get(functionId) ?? functionId}  ${printable(text)}`)}`,
      ),
  };

  function functionLines({ url, triggers }: ReadyPlatform, functions: readonly ProjectFunction[]): readonly string[] {
    if (functions.length === 0) return [dim('No functions yet: write functions/hello.ts, or run martlet init.')];
    const rows = functions.map((one) => {
      const build = firstBuilds.get(one.name);
      const built = build?.ok === true ? duration(build.milliseconds) : 'failed';
      return [one.name, built, `${url}/functions/${one.name}`, ...(triggers.size === 0 ? [] : [triggers.get(one.name) ?? ''])];
    });
    return ['', ...table(['function', 'build', 'url', ...(triggers.size === 0 ? [] : ['runs by itself'])], rows)];
  }

  function showProblems(one: ProjectFunction, build: FolderBuild): void {
    out.warn(`${red('✗')} ${bold(one.name)}  the build failed; what was live before still answers`);
    for (const problem of build.problems) for (const line of problem.split('\n')) out.warn(`    ${printable(line)}`);
  }

  /** `POST /functions/hello 200 3.1 ms cold`, or what started it: `schedule → report 200 3.1 ms`. */
  function executionLine(name: string, row: NonNullable<FollowedLine['ended']>): string {
    const status = row.responseStatus === 0 ? '---' : String(row.responseStatus);
    const painted =
      row.status === 'failed' || row.responseStatus >= 500 ? red(status) : row.responseStatus >= 400 ? yellow(status) : green(status);
    const reason = row.errorCode === null ? '' : `  ${red(row.errorCode)}`;
    const took = duration(row.queueMs + row.coldMs + row.runMs);
    const path = below(row.requestPath);
    const way = startedBy(row);
    const what = way === undefined ? `${row.requestMethod} /functions/${name}${path}` : `${cyan(way)} → ${name}${path}`;
    const again = row.attempt > 1 ? dim(` attempt ${row.attempt}`) : '';
    return `${dim(timeOfDay(row.endedAt ?? Date.now()))}  ${what} ${painted} ${took}${row.cold === true ? dim(' cold') : ''}${again}${reason}`;
  }
}

/** Undefined for a call whose caller waits for the answer. */
function startedBy({ trigger, attempt }: NonNullable<FollowedLine['ended']>): string | undefined {
  if (trigger === 'schedule' || trigger === 'event') return trigger;
  if (trigger === 'manual') return 'schedule, by hand';
  return attempt > 0 ? 'async' : undefined;
}

/** The path below the function as a caller writes it: the bare function has none, a query follows its name. */
function below(requestPath: string): string {
  return printable(requestPath.replace(/^\/(?=$|\?)/, ''));
}

/**
 * Shares places between projects, and within a project between its functions, so that a long queue takes no more than
 * its turn: deficit round robin with one place as the quantum. Rounds begin after the one that was served last.
 */
export interface WaitingGroup {
  readonly projectId: string;
  readonly functionId: string;
  /** Jobs that may be taken. */
  readonly ready: number;
  /** Places that its concurrency leaves. */
  readonly free: number;
}

export interface Share {
  readonly projectId: string;
  readonly functionId: string;
  readonly count: number;
}

/** Who was served last; of projects without work nothing is kept. */
export interface FairState {
  readonly lastProject: string;
  readonly lastFunctions: Readonly<Record<string, string>>;
}

interface Line {
  readonly functionId: string;
  left: number;
  count: number;
}

const PROJECTS_KEPT = 1000;

export function shareOut(
  state: FairState | undefined,
  groups: readonly WaitingGroup[],
  capacity: number,
): { readonly takes: readonly Share[]; readonly state: FairState } {
  const projects = linesByProject(groups);
  const order = inTurn([...projects.keys()], state?.lastProject);
  const turns = new Map(order.map((projectId) => [projectId, inTurn(namesOf(projects.get(projectId)), state?.lastFunctions[projectId])]));
  let left = Math.floor(capacity);
  let lastProject = state?.lastProject ?? '';
  const lastFunctions: Record<string, string> = { ...keptOf(state, projects) };

  for (let served = true; served && left > 0;) {
    served = false;
    for (const projectId of order) {
      if (left === 0) break;
      const line = nextLine(projects.get(projectId), turns.get(projectId));
      if (line === undefined) continue;
      line.left -= 1;
      line.count += 1;
      left -= 1;
      served = true;
      lastProject = projectId;
      lastFunctions[projectId] = line.functionId;
    }
  }
  return { takes: sharesOf(projects), state: { lastProject, lastFunctions } };
}

function linesByProject(groups: readonly WaitingGroup[]): Map<string, Map<string, Line>> {
  const projects = new Map<string, Map<string, Line>>();
  for (const { projectId, functionId, ready, free } of groups) {
    const left = Math.floor(Math.min(ready, free));
    if (left <= 0) continue;
    const lines = projects.get(projectId) ?? new Map<string, Line>();
    projects.set(projectId, lines.set(functionId, { functionId, left, count: 0 }));
  }
  return projects;
}

const namesOf = (lines: ReadonlyMap<string, Line> | undefined): string[] => [...(lines?.keys() ?? [])];

/** The names in order, beginning with the first one beyond `last`. */
function inTurn(names: string[], last = ''): string[] {
  const sorted = names.sort();
  const at = sorted.findIndex((name) => name > last);
  return at <= 0 ? sorted : [...sorted.slice(at), ...sorted.slice(0, at)];
}

/** The next function of a project that still has work; it goes to the end of the turn. */
function nextLine(lines: ReadonlyMap<string, Line> | undefined, turn: string[] | undefined): Line | undefined {
  if (lines === undefined || turn === undefined) return undefined;
  for (let name = turn.shift(); name !== undefined; name = turn.shift()) {
    const line = lines.get(name);
    if (line === undefined || line.left === 0) continue;
    turn.push(name);
    return line;
  }
  return undefined;
}

function keptOf(state: FairState | undefined, projects: ReadonlyMap<string, unknown>): Record<string, string> {
  const kept = Object.entries(state?.lastFunctions ?? {});
  return Object.fromEntries(kept.length < PROJECTS_KEPT ? kept : kept.filter(([projectId]) => projects.has(projectId)));
}

function sharesOf(projects: ReadonlyMap<string, ReadonlyMap<string, Line>>): Share[] {
  const shares: Share[] = [];
  for (const [projectId, lines] of projects)
    for (const { functionId, count } of lines.values()) if (count > 0) shares.push({ projectId, functionId, count });
  return shares;
}

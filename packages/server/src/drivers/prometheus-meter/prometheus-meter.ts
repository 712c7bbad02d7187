/** Metrics in the text format of Prometheus. Names begin with `martlet_`, times are in seconds. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from '@prometheus-io/client';
import { BucketHistogram } from './bucket-histogram.ts';
import { ExecutionCounter, type Series } from './execution-counter.ts';
import { readingHelp, type Meter, type MeteredExecution, type Readings } from '../../ports/meter.ts';

/** Series of functions are bounded, so that deploying ever new functions cannot fill the memory with counters. */
const FUNCTIONS_MAX = 10_000;
const OTHER = 'other';
const RUN_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
const WAIT_BUCKETS = [0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const MS = 1000;

export interface PrometheusMeter extends Meter {
  readonly contentType: string;
  /** All metrics as text. */
  render(): Promise<string>;
}

export interface PrometheusMeterOptions {
  readonly version: string;
  /** Asked once for each look at the metrics. */
  readonly readings: () => Readings;
}

export function createPrometheusMeter({ version, readings }: PrometheusMeterOptions): PrometheusMeter {
  const registry = new Registry();
  const registers = [registry];
  const executions = new ExecutionCounter<Labels>({
    name: 'martlet_executions_total',
    help: 'Executions that have ended, by outcome: ok or a code of the error registry.',
    registry,
  });
  const runTime = new BucketHistogram({
    name: 'martlet_execution_run_seconds',
    help: 'From the hand-over to a worker to the end of the execution.',
    buckets: RUN_BUCKETS,
    registry,
  });
  const queueTime = new BucketHistogram({
    name: 'martlet_execution_queue_seconds',
    help: 'Waiting for a place.',
    buckets: WAIT_BUCKETS,
    registry,
  });
  const coldStarts = new Histogram({
    name: 'martlet_cold_start_seconds',
    help: 'From asking for a worker to having one.',
    buckets: WAIT_BUCKETS,
    registers,
  });
  const rejections = new Counter({ name: 'martlet_code_cache_rejections_total', help: 'Code caches that V8 refused.', registers });
  const denials = new Counter({
    name: 'martlet_egress_denials_total',
    help: 'Connections of functions that their policy did not allow.',
    registers,
  });
  const builds = new Histogram({
    name: 'martlet_build_seconds',
    help: 'Builds that have ended, by outcome.',
    labelNames: ['outcome'] as const,
    buckets: RUN_BUCKETS,
    registers,
  });
  new Gauge({ name: 'martlet_info', help: 'The version of the server.', labelNames: ['version'] as const, registers }).set({ version }, 1);
  const gauges = Object.entries(readingHelp).map(([name, help]) => ({
    name,
    gauge: new Gauge({ name: `martlet_${name}`, help, registers }),
  }));
  collectDefaultMetrics({ register: registry });

  const count = countExecutions((labels) => executions.series(labels));
  return {
    execution(ended) {
      count(ended);
      runTime.observe(ended.runMs / MS);
      queueTime.observe(ended.queueMs / MS);
    },
    coldStart: (ms) => coldStarts.observe(ms / MS),
    cacheRejected: () => rejections.inc(),
    egressDenied: (count) => denials.inc(count),
    buildEnded: (error, ms) => builds.observe({ outcome: error ?? 'ok' }, ms / MS),
    contentType: registry.contentType,
    render() {
      const now = new Map(Object.entries(readings()));
      for (const { name, gauge } of gauges) gauge.set(now.get(name) ?? 0);
      return registry.metrics();
    },
  };
}

interface Labels {
  readonly project: string;
  readonly function: string;
  readonly trigger: string;
  readonly outcome: string;
}

/** Finds the series of an execution by maps in maps: joining the labels to one key costs more than the counting. */
function countExecutions(add: (labels: Labels) => Series): (ended: MeteredExecution) => void {
  const projects = new Map<string, Map<string, Map<string, Map<string, Series>>>>();
  let functions = 0;

  function functionMap(project: string, name: string): { name: string; triggers: Map<string, Map<string, Series>> } {
    const ofProject = entry(projects, project, () => new Map());
    const known = ofProject.get(name);
    if (known !== undefined) return { name, triggers: known };
    if (functions >= FUNCTIONS_MAX) return { name: OTHER, triggers: entry(ofProject, OTHER, () => new Map()) };
    functions += 1;
    return { name, triggers: entry(ofProject, name, () => new Map()) };
  }

  return ({ projectId, functionId, trigger, errorCode }) => {
    const { name, triggers } = functionMap(projectId, functionId);
    const outcome = errorCode ?? 'ok';
    const outcomes = entry(triggers, trigger, () => new Map<string, Series>());
    entry(outcomes, outcome, () => add({ project: projectId, function: name, trigger, outcome })).value += 1;
  };
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

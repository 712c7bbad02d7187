import { expect, test } from 'vitest';
import { readingHelp, type MeteredExecution, type Readings } from '../../ports/meter.ts';
import { createPrometheusMeter } from './prometheus-meter.ts';

const readings = Object.fromEntries(Object.keys(readingHelp).map((name, at) => [name, at])) as Readings;
const ended: MeteredExecution = { projectId: 'p', functionId: 'f', trigger: 'http', errorCode: null, queueMs: 2, runMs: 30 };
const lines = async (meter: { render(): Promise<string> }) => (await meter.render()).split('\n');

test('executions are counted by function, trigger and outcome, and their times by range', async () => {
  const meter = createPrometheusMeter({ version: '1', readings: () => readings });
  meter.execution(ended);
  meter.execution(ended);
  meter.execution({ ...ended, errorCode: 'execution_threw' });
  const text = await lines(meter);
  expect(text).toContain('martlet_executions_total{project="p",function="f",trigger="http",outcome="ok"} 2');
  expect(text).toContain('martlet_executions_total{project="p",function="f",trigger="http",outcome="execution_threw"} 1');
  expect(text).toContain('martlet_execution_run_seconds_bucket{le="0.025"} 0');
  expect(text).toContain('martlet_execution_run_seconds_bucket{le="0.05"} 3');
  expect(text).toContain('martlet_execution_queue_seconds_count 3');
});

test('everything else has its metric, and momentary values are those of the look', async () => {
  let memory = 1;
  const meter = createPrometheusMeter({ version: '1.2', readings: () => ({ ...readings, workers_memory_bytes: memory }) });
  meter.coldStart(7);
  meter.cacheRejected();
  meter.egressDenied(1);
  meter.buildEnded(null, 40);
  meter.buildEnded('build_failed', 40);
  memory = 5;
  const text = await lines(meter);
  for (const line of [
    'martlet_cold_start_seconds_sum 0.007',
    'martlet_code_cache_rejections_total 1',
    'martlet_egress_denials_total 1',
    'martlet_build_seconds_count{outcome="ok"} 1',
    'martlet_build_seconds_count{outcome="build_failed"} 1',
    'martlet_workers_memory_bytes 5',
    'martlet_info{version="1.2"} 1',
  ])
    expect(text).toContain(line);
  expect(text.filter((line) => line.startsWith('# HELP martlet_')).length).toBeGreaterThanOrEqual(8 + Object.keys(readingHelp).length);
});

test('ever new functions share one series after the ten thousandth', async () => {
  const meter = createPrometheusMeter({ version: '1', readings: () => readings });
  for (let n = 0; n < 10_050; n += 1) meter.execution({ ...ended, functionId: `f${n}` });
  const series = (await lines(meter)).filter((line) => line.startsWith('martlet_executions_total{'));
  expect(series).toHaveLength(10_001);
  expect(series).toContain('martlet_executions_total{project="p",function="other",trigger="http",outcome="ok"} 50');
});

test('names of functions cannot break out of their label', async () => {
  const meter = createPrometheusMeter({ version: '1', readings: () => readings });
  meter.execution({ ...ended, functionId: 'a"} 1\nforged 1' });
  expect(await lines(meter)).not.toContain('forged 1');
});

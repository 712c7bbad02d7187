/** Bodies that create and replace functions. */
import { cronProblem, egressSchema, limitSpecs, retriesSchema } from '@martlet/protocol';
import { z } from '@hono/zod-openapi';
import { eventsProblem } from '../../../domain/contract/event-patterns.ts';
import { rolesProblem } from '../../../domain/contract/execute-roles.ts';
import { specifications } from '../../../domain/contract/runtimes.ts';
import { checkedList, customId, oneOf, strictBoolean, text, textList, whole } from '../params.ts';

const CRON = 'String must be a valid cron expression';
const SLUGS = specifications.map(({ slug }) => slug);
const SPECIFICATION = `Specification must be one of: ${SLUGS.join(', ')}`;

const cron = z.string(CRON).refine((schedule) => schedule === '' || cronProblem(schedule) === undefined, CRON);
const specification = z.string(SPECIFICATION).refine((slug) => slug === '' || SLUGS.includes(slug), SPECIFICATION);
const timezone = z.string('Value must be an IANA time zone').refine(isTimezone, 'Value must be an IANA time zone such as Europe/Berlin');
/** Git connections do not exist here; an empty one is what clients send that have none. */
const noRepository = z.literal('', 'This server has no connections to Git repositories; deploy with an upload').nullish();

const settings = {
  execute: checkedList(rolesProblem, 'Roles must be an array of strings.').nullish(),
  events: checkedList(eventsProblem, 'Event is not valid.').nullish(),
  schedule: cron.nullish(),
  timeout: whole(limitSpecs.timeoutSeconds.min, limitSpecs.timeoutSeconds.max).nullish(),
  enabled: strictBoolean().nullish(),
  logging: strictBoolean().nullish(),
  entrypoint: text(0, 1028).nullish(),
  commands: text(0, 8192).nullish(),
  scopes: textList(200, 64).nullish(),
  installationId: noRepository,
  providerRepositoryId: noRepository,
  buildSpecification: specification.nullish(),
  runtimeSpecification: specification.nullish(),
  specification: specification.nullish(),
  deploymentRetention: whole(0, 36_500).nullish(),
  path: text(0, 128).nullish(),
  timezone: timezone.nullish(),
  memory: whole(limitSpecs.memoryMb.min, limitSpecs.memoryMb.max).nullish(),
  concurrency: whole(limitSpecs.concurrency.min, limitSpecs.concurrency.max).nullish(),
  retries: retriesSchema.nullish(),
  egress: egressSchema.nullish(),
  durability: oneOf(['relaxed', 'strict']).nullish(),
};

export const createFunctionBody = z.object({ functionId: customId(), name: text(1, 128), runtime: text(1, 64), ...settings });
export const updateFunctionBody = z.object({ name: text(1, 128), runtime: text(0, 64).nullish(), ...settings });

function isTimezone(name: string): boolean {
  return name === 'UTC' || Intl.supportedValuesOf('timeZone').includes(name);
}

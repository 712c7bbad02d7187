/**
 * What a list of each noun may be filtered and ordered by: the attribute's name on the wire and the type of its values.
 * `$sequence` is the order of insertion.
 */
export type AttributeType = 'text' | 'number' | 'boolean' | 'date';
export type Attributes = Readonly<Record<string, AttributeType>>;

const base = { $id: 'text', $createdAt: 'date', $updatedAt: 'date', $sequence: 'number' } as const;

export const functionAttributes = {
  ...base,
  name: 'text',
  path: 'text',
  enabled: 'boolean',
  live: 'boolean',
  runtime: 'text',
  deploymentId: 'text',
  schedule: 'text',
  timeout: 'number',
  memory: 'number',
  entrypoint: 'text',
  commands: 'text',
} as const satisfies Attributes;

export const deploymentAttributes = {
  ...base,
  type: 'text',
  status: 'text',
  activate: 'boolean',
  entrypoint: 'text',
  sourceSize: 'number',
  buildSize: 'number',
  totalSize: 'number',
  buildDuration: 'number',
} as const satisfies Attributes;

export const variableAttributes = {
  ...base,
  key: 'text',
  secret: 'boolean',
  resourceType: 'text',
  resourceId: 'text',
} as const satisfies Attributes;

/** `duration` is in seconds here, as on the wire; rows hold milliseconds. */
export const executionAttributes = {
  ...base,
  functionId: 'text',
  deploymentId: 'text',
  trigger: 'text',
  status: 'text',
  errorCode: 'text',
  requestMethod: 'text',
  requestPath: 'text',
  responseStatusCode: 'number',
  duration: 'number',
} as const satisfies Attributes;

export const scheduleAttributes = {
  ...base,
  functionId: 'text',
  name: 'text',
  source: 'text',
  enabled: 'boolean',
} as const satisfies Attributes;

export const eventAttributes = { ...base, source: 'text', type: 'text', subject: 'text', origin: 'text' } as const satisfies Attributes;

export const webhookAttributes = {
  ...base,
  name: 'text',
  direction: 'text',
  enabled: 'boolean',
  url: 'text',
} as const satisfies Attributes;

export const deliveryAttributes = {
  ...base,
  eventId: 'text',
  eventType: 'text',
  status: 'text',
  responseStatusCode: 'number',
} as const satisfies Attributes;

export const keyAttributes = { ...base, name: 'text', prefix: 'text' } as const satisfies Attributes;

export const userAttributes = {
  ...base,
  name: 'text',
  email: 'text',
  emailVerification: 'boolean',
  status: 'boolean',
  registration: 'date',
  passwordUpdate: 'date',
  accessedAt: 'date',
  issuer: 'text',
  subject: 'text',
} as const satisfies Attributes;

export const teamAttributes = { ...base, name: 'text' } as const satisfies Attributes;

export const membershipAttributes = { ...base, userId: 'text', teamId: 'text' } as const satisfies Attributes;

export * from './cron-fields.ts';
export * from './errors.ts';
export * from './execution.ts';
export * from './function-config.ts';
export * from './function-name.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './resources.ts';

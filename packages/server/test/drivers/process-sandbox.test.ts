import { createProcessSandbox } from '../../src/drivers/process-sandbox/process-sandbox.ts';
import { testSandbox } from '../conformance/sandbox.ts';

testSandbox({
  name: 'process',
  create: createProcessSandbox,
  skip: process.platform === 'win32' ? 'unix sockets and signals are needed' : undefined,
});

import { createBubblewrapSandbox } from '../../src/drivers/bubblewrap-sandbox/bubblewrap-sandbox.ts';
import { testSandbox } from '../conformance/sandbox.ts';
import { hostTier } from '../sandbox/host-tier.ts';

const { tier, reason } = await hostTier();

testSandbox({
  name: 'bubblewrap with cgroups',
  create: createBubblewrapSandbox,
  skip: tier === 'A' ? undefined : `this host reaches only tier ${tier}: ${reason}`,
});

testSandbox({
  name: 'bubblewrap without cgroups',
  create: (setup) => createBubblewrapSandbox({ ...setup, useCgroups: false }),
  skip: tier === 'C' ? `this host reaches only tier C: ${reason}` : undefined,
});

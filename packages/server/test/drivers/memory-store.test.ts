import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { testStore } from '../conformance/store.ts';

testStore({ name: 'memory-store', create: createMemoryStore });

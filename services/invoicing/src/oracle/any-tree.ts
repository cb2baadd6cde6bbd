import { type Tenant } from './case.ts';
import { type Random } from './random.ts';

/** A distributor or a reseller on top, a few resellers and end customers; now and then a reseller below a reseller. */
export const anyTree = (random: Random, currency: string): readonly Tenant[] => {
  const tenants: Tenant[] = [];
  const tenant = (name: string, above: readonly string[], tier: Tenant['tier']): void => {
    tenants.push({ id: name, path: [...above, name], tier, name, currency: random.chance(0.03) ? 'EUR' : currency });
  };
  if (random.chance(0.3)) {
    tenant('R1', [], 'reseller');
    for (let c = 1; c <= random.int(1, 3); c++) tenant(`C1${String(c)}`, ['R1'], 'endCustomer');
    return tenants;
  }
  tenant('D', [], 'distributor');
  const resellers = random.int(1, 2);
  for (let r = 1; r <= resellers; r++) {
    const name = `R${String(r)}`;
    tenant(name, ['D'], 'reseller');
    const customers = random.int(r === 1 ? 1 : 0, 3);
    for (let c = 1; c <= customers; c++) tenant(`C${String(r)}${String(c)}`, ['D', name], 'endCustomer');
  }
  // Depth is generic.
  if (random.chance(0.15)) {
    tenant('S1', ['D', 'R1'], 'reseller');
    tenant('CS1', ['D', 'R1', 'S1'], 'endCustomer');
  }
  if (random.chance(0.1)) tenant('C01', ['D'], 'endCustomer');
  return tenants;
};

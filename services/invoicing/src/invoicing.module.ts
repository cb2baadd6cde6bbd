import { Module } from '@nestjs/common';
import { invitedTenants } from '#libs/access-policy/invited-tenants.projection';
import { type Category } from '#libs/event-sourcing/event';
import { type Consumer } from '#libs/messaging/consumer';
import { type Platform, type ServiceDefinition } from '#libs/platform/service';
import { UsageEngineConfiguration } from '#libs/platform/usage-engine';
import { BillController, LineController } from './bill/bill.controller.ts';
import { BillListController } from './bill-list/bill-list.controller.ts';
import { billList } from './bill-list/bill-list.projection.ts';
import { keptFiles } from './month-rating/kept-files.ts';
import { MonthRatingService } from './month-rating/month-rating-service.ts';
import { monthRatings } from './month-rating/month-ratings.projection.ts';
import { type RatingWorker } from './month-rating/rating-worker.ts';
import { contractInputs } from './rating-inputs/contracts.projection.ts';
import { autoAssignmentInputs, linkInputs } from './rating-inputs/links.projection.ts';
import { tenantInputs } from './rating-inputs/tenants.projection.ts';
import { dataSourceInputs, usageMonthInputs } from './rating-inputs/usage.projection.ts';

@Module({ controllers: [BillListController, BillController, LineController] })
class InvoicingModule {}

const inputs = [tenantInputs, linkInputs, autoAssignmentInputs, dataSourceInputs, usageMonthInputs, contractInputs];

const INPUT_CATEGORIES = [
  ...new Set(inputs.flatMap(({ parts }) => Object.values(parts).map(({ category }): Category => category))),
];

/** Nothing is kept of the events: the worker looks for itself what is due, also at its start. */
const wakingUp = (worker: RatingWorker): Consumer => ({
  name: 'invoicing.rating-wake-up',
  categories: INPUT_CATEGORIES,
  onFailure: 'stop',
  target: () => 'rating',
  handle: () => {
    worker.wake();
    return Promise.resolve();
  },
});

const services = new WeakMap<Platform, MonthRatingService>();
const serviceOf = (platform: Platform): MonthRatingService => {
  const service = services.get(platform) ?? new MonthRatingService(platform);
  services.set(platform, service);
  return service;
};

export const invoicingService: ServiceDefinition = {
  name: 'invoicing',
  module: InvoicingModule,
  configuration: [UsageEngineConfiguration],
  providers: (platform) => [{ provide: MonthRatingService, useFactory: () => serviceOf(platform) }],
  projections: [...inputs, monthRatings, billList, invitedTenants],
  consumers: (platform) => [wakingUp(serviceOf(platform).worker)],
  files: keptFiles,
  background: (platform) => {
    const service = serviceOf(platform);
    const { worker } = service;
    return [
      {
        name: 'invoicing.rating',
        run: (signal) => service.run(signal),
        wake: () => {
          worker.wake();
        },
        idle: () => worker.idle(),
        troubles: () => worker.troubles(),
      },
      { name: 'invoicing.usage-engine', inEveryProcess: true, run: (signal) => service.closeAfter(signal) },
    ];
  },
};

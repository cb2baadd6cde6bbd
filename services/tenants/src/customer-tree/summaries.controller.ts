import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Answers } from '#libs/platform/answers';
import {
  amount,
  contractId,
  contractStatus,
  currency,
  month as monthSchema,
  tenantId as tenantIdSchema,
} from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { choice, count, list, named, nullable, object, saying, text } from '#libs/platform/schema';
import { CLOCK, READ_MODELS } from '#libs/platform/tokens';
import { IsMonth, Optional } from '#libs/platform/validation';
import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Clock, dayOf, type Month, monthOf } from '#libs/time/time';
import { contractCounts } from '../customer-list/customer-list.controller.ts';
import { type ContractCounts, type ContractSummary, customerList } from '../customer-list/customer-list.projection.ts';
import { invoiceSummary, type InvoiceSummary, type StatusOfInvoices, type Total } from './invoice-summary.ts';
import { INVOICE_STATUSES, invoices } from './invoices.projection.ts';

export class InvoiceSummaryQuery {
  @Optional()
  @IsMonth()
  @ApiPropertyOptional({ description: 'Left out: the current one' })
  month?: Month;
}

/** Paths to look further. */
type ContractLink = ContractSummary & Readonly<{ view: string }>;

type ContractSummaryAnswer = Readonly<{
  tenantId: TenantId;
  total: number;
  counts: ContractCounts;
  contracts: readonly ContractLink[];
  viewAll: string | null;
}>;

const contractSummarySchema = named(
  'ContractsOfCustomer',
  object<ContractSummaryAnswer>({
    tenantId: tenantIdSchema,
    total: count,
    counts: contractCounts,
    contracts: saying(
      'Three at most; what counts now comes first',
      list(object<ContractLink>({ id: contractId, status: contractStatus, view: saying('Path of the contract', text) })),
    ),
    viewAll: saying('Path of the list of all; null where these are all', nullable(text)),
  }),
);

type StatusRow = StatusOfInvoices & Readonly<{ view: string | null }>;

type InvoiceSummaryAnswer = Omit<InvoiceSummary, 'statuses'> &
  Readonly<{ tenantId: TenantId; month: Month; statuses: readonly StatusRow[]; viewAll: string }>;

const totals = list(object<Total>({ currency, amount }));

const invoiceSummarySchema = named(
  'InvoicesOfCustomer',
  object<InvoiceSummaryAnswer>({
    tenantId: tenantIdSchema,
    month: monthSchema,
    statuses: list(
      object<StatusRow>({
        status: choice(...INVOICE_STATUSES),
        count,
        totals,
        view: saying('Path of the invoice; null where there is none', nullable(text)),
      }),
    ),
    totalPossible: saying('All but cancelled and discarded ones, which come back as ready', totals),
    totalPossibleAllStatuses: saying('All of them', totals),
    totalIssuable: saying('What is not issued yet', totals),
    viewAll: saying('Path of the customer’s invoices of the month, in any status', text),
  }),
);

/** What the pop-ups of the Customers page show. */
@ApiTags('tenants')
@Controller('tenants/:tenantId')
export class SummariesController {
  readonly #readModels: ReadModels;
  readonly #clock: Clock;

  constructor(@Inject(READ_MODELS) readModels: ReadModels, @Inject(CLOCK) clock: Clock) {
    this.#readModels = readModels;
    this.#clock = clock;
  }

  @Get('contract-summary')
  @Requires('contracts:read')
  @ApiOperation({ summary: 'First contracts of a customer', description: 'Up to three, with where to see them and all others.' })
  @Answers(200, contractSummarySchema)
  async contracts(@Param('tenantId') tenantId: TenantId): Promise<ContractSummaryAnswer> {
    const row = await this.#readModels.of(customerList).get(tenantId);
    if (!row) throw new DomainError('not-found', 'tenant-not-found', 'There is no such tenant within your reach.');
    const all = `/api/v1/tenants/${tenantId}/contracts`;
    const total = Object.values(row.contracts).reduce((sum, one) => sum + one, 0);
    return {
      tenantId,
      total,
      counts: row.contracts,
      contracts: row.firstContracts.map((contract) => ({ ...contract, view: `${all}/${contract.id}` })),
      viewAll: total > row.firstContracts.length ? all : null,
    };
  }

  @Get('invoice-summary')
  @Requires('bills:read')
  @ApiOperation({
    summary: 'Invoices of a customer’s month by status',
    description:
      '`totalPossible` leaves out what was cancelled or discarded: its draft comes back as ready and would count twice. ' +
      '`totalPossibleAllStatuses` is the sum of all.',
  })
  @Answers(200, invoiceSummarySchema)
  async invoices(@Param('tenantId') tenantId: TenantId, @Query() query: InvoiceSummaryQuery): Promise<InvoiceSummaryAnswer> {
    const month = query.month ?? monthOf(dayOf(this.#clock.now()));
    const found = await this.#readModels.of(invoices).all({ tenantId, month });
    const { statuses, ...rest } = invoiceSummary(found);
    const bill = `/api/v1/tenants/${tenantId}/bills/${month}`;
    return {
      tenantId,
      month,
      statuses: statuses.map((one) => ({ ...one, view: one.count > 0 ? bill : null })),
      ...rest,
      viewAll: `/api/v1/tenants/${tenantId}/bills?month=${month}`,
    };
  }
}

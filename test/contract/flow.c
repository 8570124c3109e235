/* SPDX-License-Identifier: ISC */
/* flow - the contract, over the kinds that stand by themselves */
#include "contract/talk.h"

int main(void)
{
	return obey(false);
}

/* SPDX-License-Identifier: ISC */
/* layers - the contract, over the kinds that stand on other flows */
#include "contract/talk.h"

int main(void)
{
	return obey(true);
}

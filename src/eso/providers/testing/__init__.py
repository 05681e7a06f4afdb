"""The contract of providers as checks, for the tests of every provider, also of those in other packages.

A test describes its backend once (`Subject`) and runs each check of `CHECKS` and each fault of `FAULTS` against it::

    @pytest.mark.parametrize("check", CHECKS)
    async def test_contract(check: str) -> None:
        async with backend() as subject:
            await run_check(check, subject)


    @pytest.mark.parametrize("fault", FAULTS)
    async def test_fault(fault: str) -> None:
        async with backend() as subject:
            await run_fault(fault, subject)

What fails raises `ContractError`; its text says what a provider must do, and holds no value. Nothing here needs
pytest. `docs/providers/writing.md` shows a whole test.
"""

from __future__ import annotations

from eso.providers.testing.checks import CHECKS, run_check
from eso.providers.testing.faults import FAULTS, Expectation, impatient, run_fault
from eso.providers.testing.subject import ContractError, Subject

__all__ = ["CHECKS", "FAULTS", "ContractError", "Expectation", "Subject", "impatient", "run_check", "run_fault"]

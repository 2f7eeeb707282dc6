"""A data export is loaded as it is, or refused with the file and row that is wrong."""

from pathlib import Path

import pytest

from simulators.salesforce import ExportError, SalesforceSimulator

REAL_EXPORT = Path(__file__).resolve().parents[3] / "shared" / "data" / "crm-export"

FILES = {
    "Account": "Id,Name,Mood\n0015g000hWAWYfgAQH,Globex,sunny\n",
    "Product2": "Id,Name,ProductCode,IsActive\n01t5g000QfwZgTkAIK,GTX Basic,GTX-BASIC,true\n",
    "PricebookEntry": "Id,Product2Id,UnitPrice\n01u5g000zt3CSzcAAG,01t5g000QfwZgTkAIK,550.00\n",
    "Opportunity": (
        "Id,AccountId,Name,StageName,Amount,CloseDate,IsWon,SystemModstamp\n"
        "0065g000KlPpzeOAIR,0015g000hWAWYfgAQH,Deal,Closed Won,1054.00,2017-03-01,true,"
        "2017-03-01T17:00:00.000Z\n"
    ),
    "OpportunityLineItem": (
        "Id,OpportunityId,Product2Id,ProductCode,Quantity,UnitPrice\n"
        "00k5g000kLDoVCqAQN,0065g000KlPpzeOAIR,,GTXPRO,1,1054.00\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_an_export_is_loaded_with_its_ids_and_stamps(folder: Path) -> None:
    """Values are typed, stamps kept, the currency filled in and strange columns named."""
    org = SalesforceSimulator(currency="EUR")
    report = org.load_export(folder)
    assert report.counts == dict.fromkeys(FILES, 1)
    assert report.ignored_columns == {"Account": ["Mood"]}
    deal = org.record("Opportunity", "0065g000KlPpzeOAIR")
    assert (deal["Amount"], deal["IsWon"], deal["CurrencyIsoCode"]) == (1054.0, True, "EUR")
    assert deal["SystemModstamp"] == "2017-03-01T17:00:00.000+0000"
    assert org.won_opportunities() == ["0065g000KlPpzeOAIR"]
    line = org.record("OpportunityLineItem", "00k5g000kLDoVCqAQN")
    assert (line["Product2Id"], line["ProductCode"]) == (None, "GTXPRO")


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("Account", "Id,", "Key,", r"Account\.csv: there is no Id column"),
        ("Opportunity", "1054.00", "lots", r"Opportunity\.csv row 2: Amount: 'lots'"),
        ("Opportunity", "2017-03-01,true", "soon,true", r"Opportunity\.csv row 2: CloseDate"),
        ("Account", "AQH", "XXX", r"Account\.csv row 2: '0015g000hWAWYfgXXX' is not a record id"),
    ],
)
def test_a_bad_export_is_refused_by_file_and_row(
    folder: Path, name: str, old: str, new: str, complaint: str
) -> None:
    """Nothing of a bad export stays in the org."""
    path = folder / f"{name}.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    org = SalesforceSimulator()
    with pytest.raises(ExportError, match=complaint):
        org.load_export(folder)
    assert all(not rows for rows in org.state()["records"].values())


def test_a_missing_file_and_a_duplicate_id_are_named(folder: Path) -> None:
    """Both are told before anything is kept."""
    org = SalesforceSimulator()
    path = folder / "Account.csv"
    path.write_text(FILES["Account"] + FILES["Account"].splitlines()[1] + "\n")
    with pytest.raises(ExportError, match=r"Account\.csv row 3: duplicate Id 0015g000hWAWYfgAQH"):
        org.load_export(folder)
    path.unlink()
    with pytest.raises(ExportError, match=r"Account\.csv: the file is missing"):
        org.load_export(folder)


@pytest.mark.skipif(not REAL_EXPORT.is_dir(), reason=f"no data export at {REAL_EXPORT}")
def test_the_real_export_is_loaded_whole() -> None:
    """All 2,430 deals arrive, 1,254 of them won."""
    org = SalesforceSimulator()
    report = org.load_export(REAL_EXPORT)
    assert report.ignored_columns == {}
    assert (report.counts["Opportunity"], report.counts["OpportunityLineItem"]) == (2430, 2430)
    assert len(org.won_opportunities()) == 1254
